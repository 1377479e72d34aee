"""The task: what a process does with its slice of the plan, the same on every executor.

`work` is the protocol of what is done, `task` does a slice block by block, `worker` is the process
that runs slices, `process` is that process as its driver sees it, `attempt` runs one task on all
cores of a machine. `items` is work whose rows have an outcome each; `events`, `callbacks`,
`limits` and `stopping` serve all of them. Start with `task.py`.
"""
