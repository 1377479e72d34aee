"""The version of daypart."""

__version__ = "0.1.0"
