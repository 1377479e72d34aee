"""Where the long NUTS runs lie that the reference configuration is held against."""

from __future__ import annotations

from pathlib import Path

_NAME = Path("shared") / "data" / "nuts_reference.npz"
FILE = next((up / _NAME for up in Path(__file__).parents if (up / _NAME).exists()), _NAME)
REASON = f"{_NAME} is not part of the project"
