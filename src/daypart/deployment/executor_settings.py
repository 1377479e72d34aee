"""The executor's settings for a stack, as TOML."""

from __future__ import annotations

from collections.abc import Mapping


def settings_toml(region: str, outputs: Mapping[str, str]) -> str:
    """Return `[executor.aws-batch]` for a stack's outputs.

    Parameters
    ----------
    region : str
    outputs : mapping of str to str
        The stack's.

    Examples
    --------
    >>> outputs = {"Queue": "tv-spot", "Arm64Queue": "tv-spot-arm64", "JobDefinition": "tv"}
    >>> outputs |= {"JobvCpus": "4", "JobMemory": "7600", "MaxvCpus": "4096"}
    >>> print(settings_toml("us-east-1", outputs).splitlines()[2])
    queue = "tv-spot"
    """
    return "\n".join(
        [
            "[executor.aws-batch]",
            f'region = "{region}"',
            f'queue = "{outputs["Queue"]}"',
            f'arm64_queue = "{outputs["Arm64Queue"]}"   # "" if the image has one architecture',
            f'job_definition = "{outputs["JobDefinition"]}"',
            f"vcpus = {int(outputs['JobvCpus'])}",
            f"memory_mib = {int(outputs['JobMemory'])}",
            f"max_vcpus = {int(outputs['MaxvCpus'])}",
            "spot = true",
        ]
    )
