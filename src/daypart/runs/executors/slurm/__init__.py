"""Tasks as array jobs of Slurm."""

from daypart.runs.executors.slurm.executor import SlurmExecutor
from daypart.runs.executors.slurm.settings import SlurmSettings

__all__ = ["SlurmExecutor", "SlurmSettings"]
