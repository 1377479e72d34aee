"""The rows set aside are listed with their file, row and reason, and without ids."""

from __future__ import annotations

import json

import pytest

import daypart
from daypart.cli.main import main
from daypart.errors import DaypartError

EVENTS = """household_id,market,network,start,end
a,501,CNN,2025-03-03T20:00:00Z,2025-03-03T21:00:00Z
secret,501,CNN,2025-03-03T20:00:00Z,2025-03-03T21:00:00Z
a,501,CNN,yesterday,2025-03-03T21:00:00Z
other,501,CNN,2025-03-03T22:00:00Z,2025-03-03T23:00:00Z
"""


@pytest.fixture
def store(tmp_path):
    (tmp_path / "e.csv").write_text(EVENTS)
    (tmp_path / "h.csv").write_text("household_id,market,weight\na,501,10\n")
    daypart.ingest(tmp_path / "e.csv", households=tmp_path / "h.csv", into=tmp_path / "store",
                   timezone="UTC", key=b"a household key for tests")  # fmt: skip
    return tmp_path / "store"


def test_rows_are_listed_by_reason_with_their_place(store):
    found = daypart.quarantine(store, reason="unknown_household", rows=1)
    assert found.reasons == {"unknown_household": 2, "unparsable_stamp": 1}
    assert [(row["source_row"], row["reason"]) for row in found.rows] == [(2, "unknown_household")]
    assert [row["start"] for row in daypart.quarantine(store, reason="unparsable_stamp").rows] == [
        "yesterday"
    ]


def test_the_verb_prints_rows_and_json_without_ids(store, capsys):
    for more in ([], ["--json"]):
        with pytest.raises(SystemExit) as ended:
            main(["quarantine", str(store), *more])
        assert ended.value.code == 0
        text = capsys.readouterr().out
        assert "secret" not in text
        assert '"household":' not in text
    assert json.loads(text)["reasons"]["unknown_household"] == 2


def test_a_reason_that_no_row_has_is_refused_with_the_nearest(store):
    with pytest.raises(DaypartError, match="did you mean unknown_household"):
        daypart.quarantine(store, reason="unknown_houshold")
