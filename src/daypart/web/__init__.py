"""A local page: the report of a folder, and how far its runs are."""
