"""The base install stays small: what `requirements/base.txt` names, and daypart itself."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LARGEST_MB = 650
MOST_PACKAGES = 34


def base_packages():
    """Return the names of the locked packages that this Python installs."""
    locked = (ROOT / "requirements" / "base.txt").read_text()
    lines = re.findall(r"^([a-z0-9][^\\\n]*?==[^\\\n]*?) *\\?$", locked, re.MULTILINE)
    wanted = [Requirement(line) for line in lines]
    return [each.name for each in wanted if each.marker is None or each.marker.evaluate()]


def disk_bytes(paths):
    """Return the bytes that files take on disk, in whole blocks."""
    return sum(path.stat().st_blocks * 512 for path in paths if path.is_file())


def test_the_base_install_has_fewer_than_35_packages():
    assert 20 < len(base_packages()) <= MOST_PACKAGES


def test_the_base_install_takes_at_most_650_megabytes():
    sizes = {"daypart": disk_bytes((ROOT / "src").rglob("*[!c]"))}
    for name in base_packages():
        files = importlib.metadata.distribution(name).files
        sizes[name] = disk_bytes(Path(str(file.locate())) for file in files)
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:5]
    assert sum(sizes.values()) / 1e6 <= LARGEST_MB, largest
