"""A document that is nested without end, or is not text, is refused by its name."""

from __future__ import annotations

import pytest

from daypart.errors import DaypartError
from daypart.storage.files import read_json, read_toml


@pytest.mark.parametrize(
    "content", [b"[" * 200_000, b'{"a":' * 200_000, b"\xff\xfe", b"", b"null", b"[]", b'{"a": 1']
)
def test_a_damaged_json_file_is_named(content, tmp_path):
    (tmp_path / "store.json").write_bytes(content)
    with pytest.raises(DaypartError, match=r"store\.json: (not readable as JSON|is not a JSON)"):
        read_json(tmp_path / "store.json")


@pytest.mark.parametrize("content", [b"a = " + b"[" * 200_000, b"\xff\xfe", b"a ="])
def test_a_damaged_toml_file_is_named(content, tmp_path):
    (tmp_path / "brief.toml").write_bytes(content)
    with pytest.raises(DaypartError, match=r"brief\.toml: not readable as TOML"):
        read_toml(tmp_path / "brief.toml")


def test_a_name_with_line_ends_or_escape_codes_makes_one_plain_line():
    error = DaypartError("a\nb.csv: column '\x1b[31mred'", hint="remove\rit")
    assert str(error) == "a b.csv: column ' [31mred'; remove it"
