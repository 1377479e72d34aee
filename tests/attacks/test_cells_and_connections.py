"""No text of a user's data becomes a formula in a spreadsheet, or code in the database."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from daypart.planning.exports.workbook import _Book
from daypart.runs.forecasts.table_file import write_tables
from daypart.storage.csv_tables import csv_text, write_csv
from daypart.tables.connection import open_connection
from daypart.tables.names import match_names

RISKY = ["=1+1", "+A1", "-A1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://evil")']
HARMLESS = ["CBS", "-3.5", "+2", "1e5", "", "A=B", "suppressed"]


def cells(text):
    import csv
    import io

    return [row["name"] for row in csv.DictReader(io.StringIO(text, newline=""))]


def test_every_writer_of_csv_marks_what_a_spreadsheet_would_evaluate(tmp_path):
    names = [*RISKY, *HARMLESS]
    table = pa.table({"name": names, "value": [-1.5] * len(names)})
    write_csv(tmp_path / "table.csv", table)
    write_csv(tmp_path / "rows.csv", table.to_pylist())
    write_tables(tmp_path / "pieces.csv", table.schema, [table])
    for file in sorted(tmp_path.glob("*.csv")):
        found = cells(file.read_bytes().decode())
        found = [cell.replace("'\n", "'\r") for cell in found]
        assert found == [*(f"'{name}" for name in RISKY), *HARMLESS], file.name
    assert csv_text([{"=column": 1}]) == "'=column\n1\n"


def test_nulls_stay_empty_beside_marked_texts(tmp_path):
    names = ["=1", None, "CBS"]
    write_csv(tmp_path / "t.csv", pa.table({"name": names, "value": [1, 2, 3]}))
    assert cells((tmp_path / "t.csv").read_text()) == ["'=1", "", "CBS"]


def test_a_marked_name_is_found_when_the_file_is_read_again():
    assert match_names(
        "network", ["'+One", "'@Home"], {"+One": "+One", "@Home": "@Home"}
    ).found == {
        "'+One": "+One",
        "'@Home": "@Home",
    }


def test_a_workbook_has_no_formula_and_no_link(tmp_path):
    import zipfile

    book = _Book(str(tmp_path / "plan.xlsx"), "campaign")
    sheet = book.book.add_worksheet("=A1")
    for row, text in enumerate([*RISKY, "http://evil.example"]):
        sheet.write(row, 0, text)
    book.book.close()
    with zipfile.ZipFile(tmp_path / "plan.xlsx") as file:
        content = file.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in content
    assert "hyperlink" not in content


@pytest.mark.parametrize(
    "statement",
    [
        "SET autoload_known_extensions = true",
        "SET autoinstall_known_extensions = true",
        "SET allow_community_extensions = true",
        "SET allowed_configs = ['threads']",
        "SET lock_configuration = false",
    ],
)
def test_the_configuration_of_the_database_is_locked(statement):
    with open_connection() as connection, pytest.raises(duckdb.Error):
        connection.execute(statement)


def test_a_path_of_a_network_loads_no_extension():
    with open_connection() as connection, pytest.raises(duckdb.Error):
        connection.sql("SELECT * FROM read_csv('https://127.0.0.1:1/a.csv')").fetchall()
    with open_connection() as connection:
        loaded = connection.sql("SELECT extension_name FROM duckdb_extensions() WHERE loaded")
        assert {name for (name,) in loaded.fetchall()} <= {
            "core_functions",
            "icu",
            "json",
            "parquet",
        }
