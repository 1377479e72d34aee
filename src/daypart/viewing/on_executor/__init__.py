"""Ingest as tasks of an executor.

`driver` plans the tasks and puts their outcomes together; `work` is what each task does: read one
file of events, or credit one market. Start with `driver.py`.
"""
