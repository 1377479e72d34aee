"""The API's description: its calls, and checks of requests and answers.

The description is part of botocore, and boto3 builds its requests from it. So the emulator always
agrees with Batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from daypart.batch_emulator.faults import BatchFault, ClientFault
from daypart.errors import DaypartError

_PREFIX = "/v1/"


@lru_cache(maxsize=1)
def _service_model() -> Any:
    try:
        from botocore.loaders import Loader
        from botocore.model import ServiceModel
    except ImportError:
        raise DaypartError(
            "the Batch emulator needs boto3", hint="pip install 'daypart[emulator]'"
        ) from None
    return ServiceModel(Loader().load_service_model("batch", "service-2"), "batch")


@lru_cache(maxsize=1)
def operations() -> Mapping[str, str]:
    """Return the API's operations by their path.

    Examples
    --------
    >>> operations()["/v1/submitjob"]
    'SubmitJob'
    """
    model = _service_model()
    paths = {model.operation_model(name).http["requestUri"]: name for name in model.operation_names}
    return {path: name for path, name in paths.items() if path.startswith(_PREFIX)}


def check_request(operation: str, request: Mapping[str, Any]) -> None:
    """Check a request against the API's description.

    Parameters
    ----------
    operation : str
    request : mapping

    Raises
    ------
    ClientFault
        For a value that is missing, of a wrong type, or unknown to the API.
    """
    problem = _problem(_service_model().operation_model(operation).input_shape, request)
    if problem:
        raise ClientFault(f"{operation}: {problem}")


def check_answer(operation: str, answer: Mapping[str, Any]) -> None:
    """Check an answer of the emulator against the API's description.

    Parameters
    ----------
    operation : str
    answer : mapping

    Raises
    ------
    BatchFault
        When the emulator is wrong.
    """
    problem = _problem(_service_model().operation_model(operation).output_shape, answer)
    if problem:
        raise BatchFault(f"{operation} was answered wrongly: {problem}")


def _problem(shape: Any, content: Mapping[str, Any]) -> str:
    from botocore.validate import ParamValidator

    report = ParamValidator().validate(content, shape)
    # The description requires `startedAt` of every job; Batch leaves it out before the start.
    lines = [line for line in report.generate_report().splitlines() if '"startedAt"' not in line]
    return "; ".join(line.strip() for line in lines)
