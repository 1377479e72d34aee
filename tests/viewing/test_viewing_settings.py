"""Rules, mappings, segments and keys: valid ones are read, others refused."""

from __future__ import annotations

import hashlib
import hmac
import stat

import pytest

from daypart.errors import DaypartError
from daypart.tables.options import read_options
from daypart.viewing.crediting import CreditingRules, crediting_rules
from daypart.viewing.reading.columns import EVENTS
from daypart.viewing.reading.household_key import (
    KINDS,
    hashed_id,
    household_key,
    key_fingerprint,
    own_key_file,
)
from daypart.viewing.reading.segments import read_segments, segment_condition
from daypart.viewing.reading.workspace import open_task_workspace


def test_the_default_rules_are_those_of_the_metrics_page():
    rules = CreditingRules()
    assert (rules.minimum_tune_seconds, rules.multi_set) == (60, "once")
    assert rules.quarter_hour == "average_minute"
    assert rules.out_of_tab_silent_days is None
    assert rules.broadcast_day_start_hour == 6


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"minimum_tune": 5}, "did you mean minimum_tune_seconds"),
        ({"minimum_tune_seconds": -1}, "minimum_tune_seconds is -1"),
        ({"minimum_tune_seconds": float("nan")}, "is nan"),
        ({"multi_set": "twice"}, "multi_set is 'twice'"),
        ({"idle_cap_minutes": 0}, "idle_cap_minutes is 0"),
        ({"out_of_tab_silent_days": 0}, "out_of_tab_silent_days is 0"),
        ({"broadcast_day_start_hour": 24}, "is 24"),
        ({"minimum_cell_households": True}, "is True"),
    ],
)
def test_a_rule_that_is_unknown_or_out_of_range_is_refused(content, problem):
    with pytest.raises(DaypartError, match=problem):
        crediting_rules(content)


def test_a_mapping_is_read_from_text_toml_and_dictionary(tmp_path):
    toml = tmp_path / "map.toml"
    toml.write_text('[columns]\nstart = "start_date"\nmarket = "\'Boston\'"\nstamps_are = "UTC"\n')
    text = read_options("start=start_date,market='Boston',stamps_are=UTC")
    assert read_options(toml) == text
    assert read_options({"start": "start_date", "market": "'Boston'", "stamps_are": "UTC"}) == text
    assert text.constants == {"market": "Boston"}
    assert text.column_of("end") == "end"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("strat=start_date", "did you mean start"),
        ("start", "is not a pair"),
        ("stamps_are=Mars/Olympus", "not a time zone"),
        ("nowhere.toml", "no such file"),
    ],
)
def test_a_mapping_that_cannot_be_read_is_refused(text, problem):
    with pytest.raises(DaypartError, match=problem):
        read_options(text).check_names(EVENTS.names)


def test_all_households_are_always_the_first_segment(tmp_path):
    toml = tmp_path / "segments.toml"
    toml.write_text('[segments.b]\nsize = 2\n[segments.a]\nsex = ["f"]\n[segments.all]\n')
    assert list(read_segments(toml)) == ["all", "b", "a"]
    assert read_segments(None) == {"all": {}}


@pytest.mark.parametrize(
    "segments",
    [
        {"a": "sex = f"},
        {"a": {"size": {"minimum": 2}}},
        {"a": {"size": {"min": "2"}}},
        {"a": {"size": ["2", 2]}},
        {"a": {"size": []}},
        {"all": {"size": 2}},
        {f"s{n}": {"size": n} for n in range(61)},
    ],
)
def test_a_segment_of_another_form_is_refused(segments):
    with pytest.raises(DaypartError):
        read_segments(segments)


@pytest.mark.parametrize(
    ("predicate", "problem"),
    [
        ({"sice": 2}, "did you mean size"),
        ({"size": "2"}, "a column of numbers, with '2'"),
        ({"sex": 2}, "a column of texts, with 2"),
        ({"sex": True}, "with True"),
    ],
)
def test_a_predicate_on_an_unknown_column_or_of_another_type_is_refused(predicate, problem):
    types = {"size": "BIGINT", "sex": "VARCHAR"}
    with pytest.raises(DaypartError, match=problem):
        segment_condition("hh.csv", "mine", predicate, types)


def test_ids_are_hashed_with_sha256_under_a_key_of_their_kind():
    key = b"0123456789abcdef"
    subkey = hmac.digest(key, b"daypart device ids", hashlib.sha256).hex()[:32]
    digest = hashlib.sha256(f"{subkey}H1".encode()).digest()
    assert hashed_id("H1", key, "device") == int.from_bytes(digest[:8], "big") % 2**63


@pytest.mark.parametrize("key", [b"0123456789abcdef", bytes(range(256))])
def test_the_hash_in_the_database_is_the_same(tmp_path, key):
    ids = ["H1", "", "Müller", "x" * 300, "\U0001f600", "a'b", "0", "-1"]
    with open_task_workspace(memory="1GB", threads=1, key=key) as workspace:
        for kind in KINDS:
            hashed = f"{kind}_hash(?)"
            found = [workspace.rows(f"SELECT {hashed}", [text])[0][0] for text in ids]
            assert found == [hashed_id(text, key, kind) for text in ids]


def test_without_a_key_a_private_one_is_created_once_outside_any_store(tmp_path, monkeypatch):
    monkeypatch.delenv("DAYPART_HOUSEHOLD_KEY", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    key = household_key()
    assert own_key_file() == tmp_path / "daypart" / "household.key"
    assert stat.S_IMODE(own_key_file().stat().st_mode) == 0o600
    assert household_key() == key
    assert len(key) >= 32


def test_the_environment_and_a_file_take_precedence_over_the_own_key(tmp_path, monkeypatch):
    monkeypatch.setenv("DAYPART_HOUSEHOLD_KEY", "from the environment")
    file = tmp_path / "key"
    file.touch(0o600)
    file.write_bytes(b"from a file of its own\n")
    assert household_key() == b"from the environment"
    assert household_key(file) == b"from a file of its own"
    assert household_key(b"given as it is here") == b"given as it is here"
    assert key_fingerprint(household_key()) != key_fingerprint(household_key(file))


def test_a_key_that_is_short_or_missing_is_refused(tmp_path):
    with pytest.raises(DaypartError, match="a key of 5 bytes"):
        household_key(b"short")
    with pytest.raises(DaypartError, match="no such key file"):
        household_key(tmp_path / "none")


def test_a_key_file_that_others_may_read_is_refused(tmp_path):
    (tmp_path / "key").write_text("sixteen bytes or more")
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(DaypartError, match="others may read this key file; chmod 600"):
        household_key(tmp_path / "key")


@pytest.mark.parametrize("key", [b"a" * 40, b"abab" * 8, b"0" * 15 + b"1"])
def test_a_key_of_few_different_bytes_is_refused(key):
    with pytest.raises(DaypartError, match="easily guessed"):
        household_key(key)
