"""Files and folders, local or on S3: every read and write of daypart goes through this package.

`location` turns what a user wrote into a `pathlib.Path` or an `S3Path`, which has the same
methods (`s3` sends its requests). `files` writes every file whole or not at all; `conditional`
lets one of several concurrent writers win, and `lease` builds a lock between machines on it.
`tables` reads and writes Parquet, CSV and JSON; `row_groups` reads some rows of a large file.
Start reading with `location`, then `files`.
"""
