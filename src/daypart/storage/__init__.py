"""Where boxes lie and how they are read and written: the one door to files, local or on S3.

`location` turns what a user wrote into a `Location`: a `pathlib.Path`, or an `S3Path` that answers
the same calls. Every file appears whole or not at all. Where two processes may race, `create_json`
and `replace_json` let one of them win; a `Lease` is a lock among machines.
"""
