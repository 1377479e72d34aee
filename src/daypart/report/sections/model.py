"""The section on the model: the health of the fit, and the scores of held-out weeks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from daypart.charts.forecast import coverage
from daypart.charts.quantities import COUNT, PERCENT, SCORE, SECONDS, percent_of
from daypart.report.content import ChartPanel, Column, Figure, Section, Table, as_download, table_of
from daypart.report.sections.held_out_week import held_out_week
from daypart.report.sources import Sources
from daypart.wording import counted, span_of

_LEVELS = (50, 80, 95)


def model_section(sources: Sources) -> Section | None:
    """Show the health of the fit and the scores of the backtest."""
    figures, charts, tables = [], [], []
    sentences: list[str] = []
    if sources.status is not None:
        figures.append(_health(sources))
        if sources.status.failures:
            kinds = ", ".join(f"{kind} ({n:,})" for kind, n in sources.status.failures.items())
            sentences.append(f"Failures: {kinds}.")
    if sources.scores is not None:
        figures.append(_scores(sources.scores))
        found = (held_out_week(sources, sources.scores), _coverage(sources.scores))
        charts = [chart for chart in found if chart is not None]
        tables.append(_levels_table(sources.scores))
    if not figures:
        return None
    return Section("fit", "Accuracy of the model", sentences, figures, charts, tables)


def _health(sources: Sources) -> list[Figure]:
    status = sources.status
    assert status is not None
    share = 100 * status.ok / status.partitions if status.partitions else 0.0
    return [
        Figure("Model", status.model, f"{COUNT.number(status.partitions)} partitions"),
        Figure("Fitted", COUNT.number(status.ok), f"{PERCENT.text(share)} of all"),
        Figure("Failed", COUNT.number(status.failed), "the reason is in each row"),
        Figure("Skipped", COUNT.number(status.skipped), "too little data"),
        Figure("Not fitted yet", COUNT.number(status.missing), "run the same command again"),
        Figure("Time of all fits", SECONDS.text(status.fit_seconds), "core-seconds in total"),
    ]


def _scores(scores: Mapping[str, Any]) -> list[Figure]:
    model, *others = scores["models"]
    held_out = span_of(scores["held_out_hours"])
    details = {model: f"per partition and hour over {held_out} held out"}
    details |= {other: _skill(scores, other) for other in others}
    covered = PERCENT.text(percent_of(_partition_score(scores, model, "coverage_80")))
    return [
        *(
            Figure(
                f"CRPS of {name}",
                f"{SCORE.number(_partition_score(scores, name, 'crps'))} households",
                detail,
            )
            for name, detail in details.items()
        ),
        Figure("Coverage of 80 % intervals", covered, "of held-out hours, all partitions"),
    ]


def _skill(scores: Mapping[str, Any], other: str) -> str:
    model = scores["models"][0]
    own = _partition_score(scores, model, "crps")
    simple = _partition_score(scores, other, "crps")
    if own is None or not simple:
        return "not known"
    lower = 100 * (1 - own / simple)
    return f"{model} is {PERCENT.text(abs(lower))} {'lower' if lower >= 0 else 'higher'}"


def _partition_score(scores: Mapping[str, Any], model: str, score: str) -> float | None:
    """Return a model's score of single partitions."""
    for row in scores["levels"]:
        if (row["level"], row["model"]) == ("partition", model):
            found: float | None = row.get(score)
            return found
    return None


def _coverage(scores: Mapping[str, Any]) -> ChartPanel | None:
    model = scores["models"][0]
    rows = [
        {
            "series": _series_name(row["level"]),
            "level": level,
            "covered": PERCENT.round(100 * row[f"coverage_{level}"]),
        }
        for row in scores["levels"]
        if row["model"] == model
        for level in _LEVELS
        if row.get(f"coverage_{level}") is not None
    ]
    if not rows:
        return None
    own = {row["level"]: row["covered"] for row in rows if row["series"] == rows[0]["series"]}
    found = ", ".join(f"{level} % contain {PERCENT.text(own[level])}" for level in own)
    insight = f"Intervals of single partitions: {found} of the hours."
    worst = max(rows, key=lambda row: abs(row["covered"] - row["level"]))
    if worst["series"] != rows[0]["series"]:
        insight += (
            f" Largest error: {worst['series']}, where {worst['level']} % contain "
            f"{PERCENT.text(worst['covered'])}."
        )
    if len(scores["models"]) > 1:
        other = scores["models"][1]
        insight += f" CRPS of single partitions: {_skill(scores, other)} than {other}."
    return ChartPanel(
        "coverage",
        "Coverage of the intervals",
        insight,
        "On the dashed line, intervals contain as many held-out hours as their level; below it "
        "they are too narrow, above it too wide. A count at the end of an interval counts in part.",
        partial(coverage, rows),
        as_download("coverage.csv", rows),
        wide=True,
    )


def _series_name(level: str) -> str:
    return {"partition": "single partitions", "total": "total of all"}.get(
        level, f"totals by {level}"
    )


def _levels_table(scores: Mapping[str, Any]) -> Table:
    shares = ("wape", *(f"coverage_{level}" for level in _LEVELS))
    rows = [
        {
            "level": _series_name(row["level"]),
            "model": row["model"],
            "crps": SCORE.number(row.get("crps")),
        }
        | {name: PERCENT.number(percent_of(row.get(name))) for name in shares}
        for row in scores["levels"]
        if row.get("hours")
    ]
    columns = [
        Column("Forecast of", "level"),
        Column("Model", "model"),
        Column("CRPS (households)", "crps", SCORE),
        Column("WAPE (%)", "wape", PERCENT),
        *(Column(f"Inside {level} % (%)", f"coverage_{level}", PERCENT) for level in _LEVELS),
    ]
    caption = (
        f"{span_of(scores['held_out_hours'])} held out from {scores['first_hour'][:10]}: "
        f"{counted(scores['partitions'], 'partition')}, "
        f"{COUNT.number(scores['not_scored'])} not scored."
    )
    return table_of(caption, "backtest_levels.csv", columns, rows)
