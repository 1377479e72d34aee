"""Tasks as array jobs of AWS Batch."""

from daypart.runs.executors.aws_batch.executor import AwsBatchExecutor
from daypart.runs.executors.aws_batch.settings import AwsBatchSettings

__all__ = ["AwsBatchExecutor", "AwsBatchSettings"]
