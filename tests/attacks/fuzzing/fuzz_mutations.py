"""Damage the bytes of a file: blindly, and as its format allows."""

from __future__ import annotations

import copy
import io
import json
import random
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq

VALUES = (
    None, True, -1, 0, 2.5, 1e308, 10**30, "", "x", "../../x", "nan", "inf", "-1", "1e999", "0",
    "2025-13-45", "2025-03-09T02:30", "9999-12-31T23:59:59Z", "=1+1", "\x00", "é", "𝄞", "a" * 5000,
    [], {}, [None], {"x": None},
)  # fmt: skip
SCALARS = [value for value in VALUES if not isinstance(value, list | dict)]


def mutated(data: bytes, suffix: str, rng: random.Random) -> bytes:
    """Return damaged bytes of a file with a suffix."""
    structured = {
        ".json": json_damaged,
        ".parquet": parquet_damaged,
        ".csv": text_damaged,
        ".toml": text_damaged,
        ".jsonl": text_damaged,
        ".xlsx": zip_damaged,
    }.get(suffix)
    if structured is None or rng.random() < 0.35:
        return bytes_damaged(data, rng)
    return structured(data, rng)


def bytes_damaged(data: bytes, rng: random.Random) -> bytes:
    """Flip, cut, double, insert or overwrite bytes."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 3, 10))):
        place = rng.randrange(len(found) + 1)
        end = min(len(found), place + rng.choice((1, 4, 64, len(found))))
        kind = rng.randrange(6)
        if kind == 0 and place < len(found):
            found[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del found[place:end]
        elif kind == 2:
            found[place:place] = found[place:end][:4096]
        elif kind == 3:
            found[place:place] = rng.randbytes(rng.choice((1, 8, 200)))
        elif kind == 4:
            found[place:end] = rng.randbytes(min(end - place, 64))
        else:
            del found[place:]
    return bytes(found)


def json_damaged(data: bytes, rng: random.Random) -> bytes:
    """Replace, drop or add values."""
    content = json.loads(data)
    for _ in range(rng.choice((1, 1, 2))):
        inside, keys = content, ()
        while isinstance(inside, dict | list) and inside:
            keys = list(inside) if isinstance(inside, dict) else range(len(inside))
            key = rng.choice(list(keys))
            if not isinstance(inside[key], dict | list) or not inside[key] or rng.random() < 0.2:
                _change(inside, key, rng)
                break
            inside = inside[key]
    return json.dumps(content).encode()


def _change(inside, key, rng):
    kind = rng.randrange(8)
    if kind == 0:
        del inside[key]
    elif kind == 1 and isinstance(inside, dict):
        inside[rng.choice(["x", "", "all", "501"])] = copy.deepcopy(inside[key])
    else:
        inside[key] = copy.deepcopy(rng.choice(VALUES))


def parquet_damaged(data: bytes, rng: random.Random) -> bytes:
    """Write the table again with another column, type or value, as somebody else would."""
    try:
        table = pq.read_table(io.BytesIO(data))
    except (pa.ArrowException, OSError):
        return bytes_damaged(data, rng)
    place = rng.randrange(table.num_columns) if table.num_columns else 0
    kind = rng.randrange(7)
    if table.num_columns == 0 or kind == 0:
        table = table.slice(0, 0)
    elif kind == 1:
        table = table.remove_column(place)
    elif kind == 2:
        names = list(table.column_names)
        names[place] = rng.choice(["", "x", names[0], names[place].upper()])
        table = table.rename_columns(names)
    elif kind == 3:
        table = _with_type(table, place, rng)
    else:
        table = _with_value(table, place, rng)
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def _with_type(table: pa.Table, place: int, rng: random.Random) -> pa.Table:
    column, name = table.column(place), table.column_names[place]
    kind = rng.choice([pa.string(), pa.float64(), pa.int8(), pa.bool_(), pa.null(), pa.binary()])
    try:
        changed = column.cast(kind)
    except pa.ArrowException:
        changed = pa.nulls(len(table), kind)
    return table.set_column(place, name, changed)


def _with_value(table: pa.Table, place: int, rng: random.Random) -> pa.Table:
    values = table.column(place).to_pylist()
    if not values:
        return table
    value = rng.choice(SCALARS)
    for row in rng.sample(range(len(values)), min(len(values), rng.choice((1, 3, len(values))))):
        values[row] = value
    for kind in (table.schema.field(place).type, None):
        try:
            column = pa.array(values, kind)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            continue
        return table.set_column(place, table.column_names[place], column)
    return table


def text_damaged(data: bytes, rng: random.Random) -> bytes:
    """Replace a field, a line or the encoding of a text."""
    text = data.decode("utf-8", "replace")
    lines = text.split("\n")
    row = rng.randrange(len(lines))
    kind = rng.randrange(8)
    if kind == 0:
        lines.insert(row, lines[rng.randrange(len(lines))])
    elif kind == 1:
        del lines[row]
    elif kind == 2:
        return text.encode(rng.choice(["utf-16", "utf-8-sig", "utf-32", "latin-1"]), "replace")
    else:
        mark = rng.choice([",", "=", ":", '"', " "])
        fields = lines[row].split(mark)
        value = rng.choice(SCALARS)
        fields[rng.randrange(len(fields))] = "" if value is None else str(value)
        lines[row] = mark.join(fields)
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def zip_damaged(data: bytes, rng: random.Random) -> bytes:
    """Damage one part of a workbook, which stays a whole archive."""
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(sink, "w") as target:
        chosen = rng.choice(source.namelist())
        for name in source.namelist():
            content = source.read(name)
            target.writestr(name, text_damaged(content, rng) if name == chosen else content)
    return sink.getvalue()
