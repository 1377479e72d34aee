"""What work is expected to take, and what it took.

`outlook` holds the quantities and how executors predict them, `estimate` predicts planned tasks,
`cost` adds up the history of a run in core-seconds and dollars, `prices` holds the price table.
Start with `outlook.py`.
"""
