"""The section of definitions: the terms of the plan, of the insights and of the report."""

from __future__ import annotations

from daypart.report.content import Definition, Section
from daypart.report.sources import Sources

_DEFINITIONS = (
    Definition("In-tab household", "A household whose viewing was measured on that day."),
    Definition(
        "Partition", "One series with one model: a market, a network and a segment of households."
    ),
    Definition(
        "Interval",
        "80 % unless marked otherwise: it should contain the figure four times out of five.",
    ),
    Definition(
        "CRPS",
        "Continuous ranked probability score: the distance of a forecast distribution from the "
        "count, in households; lower is better.",
    ),
    Definition("WAPE", "Absolute errors of the forecast mean divided by the counts, in percent."),
    Definition("Held-out", "Hours that a model was not fitted to, and then forecast."),
)


def definitions_section(sources: Sources) -> Section:
    """Define the terms of the report, each once."""
    plan = sources.plan or {}
    found: dict[str, Definition] = {}
    insights = sources.insights.record.get("definitions") if sources.insights else None
    every = [
        *(Definition(str(k), str(v)) for k, v in (plan.get("definitions") or {}).items()),
        *(Definition(str(k), str(v)) for k, v in (insights or {}).items()),
        *_DEFINITIONS,
    ]
    for definition in every:
        term = definition.term[:1].upper() + definition.term[1:]
        found.setdefault(term.lower(), Definition(term, definition.meaning))
    ordered = sorted(found.values(), key=lambda definition: definition.term.lower())
    notes = [str(note) for note in plan.get("notes", [])]
    return Section("definitions", "Definitions", sentences=notes, definitions=ordered)
