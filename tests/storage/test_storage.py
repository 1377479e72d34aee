"""Files appear whole or not at all, and an unusable path is reported in one line."""

from __future__ import annotations

import os
import sys
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daypart.errors import DaypartError, did_you_mean
from daypart.storage.csv_tables import write_csv
from daypart.storage.files import (
    atomic_path,
    delete_files,
    is_temporary,
    make_folder,
    plain,
    read_json,
    read_toml,
    remove_unfinished,
    write_text,
)
from daypart.storage.location import file_name_of, location
from daypart.storage.sizes import parse_size
from daypart.storage.tables import read_table, write_table


def test_a_failed_write_leaves_the_old_file(tmp_path):
    target = tmp_path / "a.txt"
    write_text(target, "old")

    def fail_halfway() -> None:
        with atomic_path(target) as path:
            path.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert target.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_the_temporary_file_of_a_killed_write_is_removed(tmp_path):
    left = tmp_path / ".writing-abc-a.parquet"
    left.write_text("half")
    assert is_temporary(left)
    remove_unfinished(tmp_path)
    assert not left.exists()


@given(st.text(max_size=40))
def test_a_file_name_never_holds_a_separator_or_a_dot(value):
    name = file_name_of(value)
    assert name
    assert not set(name) & {"/", "\\", ".", "\0"}


@given(st.lists(st.text(max_size=10), unique=True, max_size=10))
@example(["", "\0"])
def test_different_values_have_different_file_names(values):
    assert len({file_name_of(value) for value in values}) == len(values)


@pytest.mark.parametrize(
    ("text", "size"), [("512MB", 512 * 10**6), ("2GiB", 2**31), (" 1 gb ", 10**9), ("100", 100)]
)
def test_sizes_are_read_in_common_units(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "0MB", "1 parsec", "1e9"])
def test_a_text_that_is_not_a_size_is_refused(text):
    with pytest.raises(DaypartError, match="is not a size"):
        parse_size(text)


def test_a_file_in_place_of_a_folder_is_named(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(DaypartError, match="taken: is a file, not a folder"):
        make_folder(tmp_path / "taken")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_folder_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(DaypartError, match="can't be written to"):
        make_folder(tmp_path / "new")


def test_a_folder_that_can_not_be_made_is_named():
    with pytest.raises(DaypartError, match="can't be written to"):
        make_folder("/proc/daypart")


def test_a_uri_of_an_unknown_scheme_is_named():
    with pytest.raises(DaypartError, match="ftp:// is not supported"):
        location("ftp://bucket/store")


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no such file"), ("{", "not readable as JSON"), ("[1]", "is not a JSON object")],
)
def test_an_unusable_json_file_is_named_with_the_reason(tmp_path, content, message):
    path = tmp_path / "run.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DaypartError, match=f"run.json: {message}"):
        read_json(path)


@pytest.mark.parametrize(
    ("content", "message"), [(None, "no such file"), ("a = ", "not readable as TOML")]
)
def test_an_unusable_toml_file_is_named_with_the_reason(tmp_path, content, message):
    path = tmp_path / "brief.toml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DaypartError, match=f"brief.toml: {message}"):
        read_toml(path)


def test_a_table_without_a_requested_column_lists_its_columns(tmp_path):
    path = tmp_path / "t.parquet"
    write_table(path, pa.table({"market": ["501"], "weight": [1.0]}))
    assert read_table(path, ["weight"]).column("weight").to_pylist() == [1.0]
    with pytest.raises(DaypartError, match="no column 'wieght'; it has: market, weight"):
        read_table(path, ["wieght"])


def test_only_floating_point_columns_are_written_without_a_dictionary(tmp_path):
    import pyarrow.parquet as pq

    table = pa.table(
        {
            "market": ["501", "501"],
            "rating": [0.1, 0.2],
            "quantiles": [[0.1, 0.2], [0.3]],
            "flags": [["sparse"], []],
            "span": [{"name": "a", "mean": 0.5}, {"name": "b", "mean": 0.25}],
        }
    )
    write_table(tmp_path / "table.parquet", table)
    assert read_table(tmp_path / "table.parquet") == table
    group = pq.ParquetFile(tmp_path / "table.parquet").metadata.row_group(0)
    leaves = [group.column(i) for i in range(group.num_columns)]
    coded = {leaf.path_in_schema for leaf in leaves if leaf.has_dictionary_page}
    assert coded == {"market", "flags.list.element", "span.name"}


def test_rows_and_tables_are_written_as_csv(tmp_path):
    rows = [{"network": "A, B", "spots": 3}, {"network": "C", "spots": None}]
    write_csv(tmp_path / "rows.csv", rows)
    write_csv(tmp_path / "ordered.csv", rows, ["spots", "network"])
    assert (tmp_path / "rows.csv").read_text() == 'network,spots\n"A, B",3\nC,\n'
    assert (tmp_path / "ordered.csv").read_text() == 'spots,network\n3,"A, B"\n,C\n'
    with pytest.raises(ValueError, match="spots"):
        write_csv(tmp_path / "narrow.csv", rows, ["network"])
    write_csv(tmp_path / "table.csv", pa.Table.from_pylist(rows))
    assert (tmp_path / "table.csv").read_text().splitlines()[1:] == ['"A, B",3', '"C",']


def test_floats_in_csv_are_rounded_to_the_given_decimals(tmp_path):
    write_csv(tmp_path / "rows.csv", [{"reach": 0.123456789, "spots": 2}], decimals=6)
    assert (tmp_path / "rows.csv").read_text() == "reach,spots\n0.123457,2\n"


def test_values_become_what_json_knows():
    content = plain(
        {1: {np.float64("inf")}, "path": location("s3://audience/a"), "date": date(2026, 1, 5)}
    )
    assert content == {"1": [None], "path": "s3://audience/a", "date": "2026-01-05"}


def test_the_nearest_of_many_names_comes_first_and_the_list_is_cut():
    hint = did_you_mean("network_3O", [f"network_{i}" for i in range(40)])
    assert hint.startswith("did you mean network_3")
    assert hint.endswith("and 28 more")
    assert did_you_mean("x", []) == "there are none"


def test_files_on_disk_are_deleted_without_the_library_for_s3(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore", None)
    (tmp_path / "old").touch()
    delete_files([tmp_path / "old", tmp_path / "gone already"])
    delete_files([])
    assert list(tmp_path.iterdir()) == []
