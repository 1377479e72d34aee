"""One table of texts, written in every form in which a user may bring it."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Rows = Sequence[Mapping[str, str]]
Form = Callable[[Path, Rows], tuple[Any, str | None]]
"""Writes rows into a folder; returns what to give to a reader, and the options that it needs."""


def csv_text(rows: Rows, delimiter: str = ",", end: str = "\n", quoting: int = 0) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(
        text, list(rows[0]), delimiter=delimiter, lineterminator=end, quoting=quoting
    )
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def text_file(name: str, encoding: str = "utf-8", options: str | None = None, **style: Any) -> Form:
    def write(folder: Path, rows: Rows) -> tuple[Any, str | None]:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(csv_text(rows, **style).encode(encoding))
        return path, options

    return write


def packed(name: str, pack: Callable[[bytes], bytes]) -> Form:
    def write(folder: Path, rows: Rows) -> tuple[Any, str | None]:
        (folder / name).write_bytes(pack(csv_text(rows).encode()))
        return folder / name, None

    return write


def zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return bytes(sink.getvalue())


def arrow_table(rows: Rows, kind: pa.DataType) -> pa.Table:
    return pa.table({name: pa.array([row[name] for row in rows], pa.string()).cast(kind)
                     for name in rows[0]})  # fmt: skip


def parquet(name: str, kind: pa.DataType, **settings: Any) -> Form:
    def write(folder: Path, rows: Rows) -> tuple[Any, str | None]:
        pq.write_table(arrow_table(rows, kind), folder / name, **settings)
        return folder / name, None

    return write


def arrow_file(new: Callable[..., Any], kind: pa.DataType) -> Form:
    def write(folder: Path, rows: Rows) -> tuple[Any, str | None]:
        table = arrow_table(rows, pa.string())
        table = table.cast(pa.schema([(name, kind) for name in table.column_names]))
        with pa.OSFile(str(folder / "table.arrow"), "wb") as sink, new(sink, table.schema) as file:
            file.write_table(table)
        return folder / "table.arrow", None

    return write


def json_lines(folder: Path, rows: Rows) -> tuple[Any, str | None]:
    (folder / "table.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "table.jsonl", None


def packed_json_lines(folder: Path, rows: Rows) -> tuple[Any, str | None]:
    text = "\n\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (folder / "table.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    return folder / "table.jsonl.gz", None


def workbook(folder: Path, rows: Rows) -> tuple[Any, str | None]:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append([])
    for values in ([*rows[0]], *([*row.values()] for row in rows)):
        sheet.append(values)
    book.save(folder / "table.xlsx")
    return folder / "table.xlsx", None


def in_another_order(folder: Path, rows: Rows) -> tuple[Any, str | None]:
    turned = [dict(reversed(row.items())) | {"": "extra"} for row in rows]
    return text_file("turned.csv")(folder, turned)


def with_capital_names(folder: Path, rows: Rows) -> tuple[Any, str | None]:
    return text_file("CAPITALS.CSV")(
        folder, [{f" {name.upper()} ": value for name, value in row.items()} for row in rows]
    )


def with_other_names(folder: Path, rows: Rows) -> tuple[Any, str | None]:
    renamed = [{f"their {name}": value for name, value in row.items()} for row in rows]
    path, _ = text_file("renamed.csv")(folder, renamed)
    return path, ",".join(f"{name}=their {name}" for name in rows[0])


def with_spaces(folder: Path, rows: Rows) -> tuple[Any, str | None]:
    return text_file("spaces.csv")(
        folder, [{name: f" {value} \t" for name, value in row.items()} for row in rows]
    )


def with_a_neighbour(folder: Path, rows: Rows) -> tuple[Any, str | None]:
    """Write a wrong table beside it, which a pattern would match."""
    other = [dict.fromkeys(row, "wrong") for row in rows]
    text_file("table1.csv")(folder, other)
    return text_file("table[1].csv")(folder, rows)


def in_a_folder_of_a_column(folder: Path, rows: Rows) -> tuple[Any, str | None]:
    name = next(iter(rows[0]))
    return text_file(f"{name}=wrong/table.csv")(folder, rows)


def as_objects(made: Callable[[pa.Table], Any]) -> Form:
    return lambda folder, rows: (made(arrow_table(rows, pa.string())), None)


FORMS: dict[str, Form] = {
    "csv": text_file("table.csv"),
    "semicolons": text_file("table.csv", delimiter=";"),
    "tabs": text_file("table.tsv", delimiter="\t"),
    "bars": text_file("table.csv", delimiter="|"),
    "windows line ends": text_file("table.csv", end="\r\n"),
    "quoted": text_file("table.csv", quoting=csv.QUOTE_ALL),
    "utf-8 with a mark": text_file("table.csv", "utf-8-sig"),
    "utf-16": text_file("table.csv", "utf-16"),
    "utf-16 without a mark": text_file("table.csv", "utf-16-be", "encoding=utf-16-be"),
    "latin-1": text_file("table.csv", "latin-1", "encoding=latin-1"),
    "windows-1252": text_file("table.txt", "windows-1252", "encoding=windows-1252"),
    "gzip": packed("table.csv.gz", gzip.compress),
    "gzip without its ending": packed("table.csv", gzip.compress),
    "zstd": packed("table.csv.zst", zstd),
    "parquet": parquet("table.parquet", pa.string()),
    "parquet of large strings": parquet("table.parquet", pa.large_string(), row_group_size=1),
    "parquet of dictionaries": parquet("x", pa.dictionary(pa.int8(), pa.string())),
    "arrow file": arrow_file(pa.ipc.new_file, pa.string()),
    "arrow stream of views": arrow_file(pa.ipc.new_stream, pa.string_view()),
    "json lines": json_lines,
    "packed json lines": packed_json_lines,
    "workbook": workbook,
    "another order": in_another_order,
    "capital names": with_capital_names,
    "other names": with_other_names,
    "spaces": with_spaces,
    "a pattern's letters": with_a_neighbour,
    "a star": text_file("ta*ble?.csv"),
    "braces and percent": text_file("{a,b}%20'quoted\".csv"),
    "a folder of a column": in_a_folder_of_a_column,
    "an arrow table": as_objects(lambda table: table),
    "an arrow stream": as_objects(lambda table: table.to_reader()),
    "a pandas frame": as_objects(lambda table: table.to_pandas()),
    "rows": lambda folder, rows: (list(rows), None),
}
