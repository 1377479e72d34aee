"""Array jobs on any scheduler.

`submission` cuts tasks into array jobs, `records` writes beside the run what was submitted,
`scheduler` is the protocol that a scheduler of arrays fulfils, `driver` submits, polls and
resubmits until every row exists, and `executor` is the executor that all schedulers share. Start
with `scheduler.py`, then `driver.py`.
"""
