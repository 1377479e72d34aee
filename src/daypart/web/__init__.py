"""A local page: the report of a folder, and how far its runs are."""

from daypart.web.server import Site, serve

__all__ = ["Site", "serve"]
