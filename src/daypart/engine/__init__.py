"""Run many tasks anywhere: on this machine, on Slurm, on AWS Batch.

The engine knows a task only by the protocol `tasks.work.Work`; it knows nothing of models or
television. In the order of the data: `plan` cuts rows of work into tasks, `executors` run tasks
somewhere, `tasks` is what every task does wherever it runs, `results` holds the folder with the
plan and the result rows, `costs` holds what work takes and costs; `status`, `logs` and `cancel`
follow a run. Start with `tasks/work.py`, then `executors/protocol.py`.
"""
