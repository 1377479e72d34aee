"""Ingest as tasks of an executor: the engine's tasks, crediting's rules."""

from daypart.ingest_on.driver import OnExecutor

__all__ = ["OnExecutor"]
