"""From rows of work to tasks.

`pilot` measures a sample, `packing` divides rows by their expected seconds, `plan` puts both
together and numbers the tasks, `take_over` copies rows of an earlier run whose content hash is the
same. Start with `plan.py`.
"""
