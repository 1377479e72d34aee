"""Where the long NUTS runs are that tests compare the reference configuration with."""

from __future__ import annotations

from pathlib import Path

FILE = Path(__file__).parents[1] / "data" / "nuts_reference.npz"
