"""A local page: the report of a folder, and the progress of its runs.

`server` finds them and serves `page.html`, which reads their status every two seconds. Start
reading at `server`.
"""
