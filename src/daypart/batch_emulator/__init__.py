"""An emulator of AWS Batch on this machine: its calls, limits, waits and losses.

A call goes through `service` (`requests` checks it, `submission` and `resources` read it, `answers`
describes jobs) to the state machine in `machine`, which moves `jobs` over the hosts in `capacity`.
`server` runs the children as processes or containers (`daypart batch-emulator`); `simulation` runs
the same machine on a virtual clock for `estimate`. Start reading with `machine`.
"""
