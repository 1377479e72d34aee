"""From a store to result rows.

`options` checks the options of a call, `parents` fits the sums that partitions take their prior
from, `run_plan` plans the tasks, `fit_work` is the work of a task, `block_fit` fits one block and
isolates failures, `model_by_partition` gives each partition its own model, `result_rows` writes
the rows. Start with `fit_work.py`.
"""
