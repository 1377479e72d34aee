"""The folder of a run and what is in it.

`folder` names its files, `parts` writes and reads result rows, `compaction` turns parts into one
table per region, `part_watch` sees from new parts what tasks elsewhere have done, `history` records
executions and attempts, `lock` admits one driver at a time. The plan and the result rows are the
truth of a run; everything else is a record. Start with `folder.py`, then `parts.py`.
"""
