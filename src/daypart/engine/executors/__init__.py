"""Executors: each runs tasks somewhere.

`protocol` says what an executor is, `registry` finds executors by name among the installed entry
points, `settings` reads their settings. `inline` and `local` run tasks on this machine, the latter
by the processes of `workers`; `slurm` and `aws_batch` submit array jobs by the driver in `array`.
Start with `protocol.py` and `inline.py`.
"""
