"""What one run is.

`parameters` and `calendar` read what a user gives, `settings` is what `run.json` holds, `identity`
hashes all that one partition's result follows from. Start with `settings.py`.
"""
