"""Notes on the names in the events: those read as a listed name, and unknown ones."""

from __future__ import annotations

from daypart.errors import did_you_mean
from daypart.viewing.reading.reference import Reference
from daypart.viewing.reading.staging import SET_ASIDE, staged_rows_sql
from daypart.viewing.reading.workspace import Workspace
from daypart.wording import counted

_NAMES_SHOWN = 5
"""Unknown names of a kind that a report lists."""


def notes_on_names(workspace: Workspace, reference: Reference) -> tuple[str, ...]:
    """Return which networks were read as a listed one, and which names are unknown, with rows.

    Parameters
    ----------
    workspace : Workspace
    reference : Reference
        The tables beside the events.
    """
    notes: list[str] = []
    if rows_sql := staged_rows_sql(workspace):
        read_as = workspace.rows(
            f"SELECT network_given, network, count(*) FROM {rows_sql} "
            "WHERE network_given IS NOT NULL GROUP BY ALL ORDER BY ALL"
        )
        notes += [
            f"network {given!r} read as {known!r} in {counted(rows, 'row')}"
            for given, known, rows in read_as
        ]
    known_names = {"network": reference.networks or {}, "market": reference.markets}
    if aside := staged_rows_sql(workspace, SET_ASIDE):
        for column, known in known_names.items():
            unknown = workspace.rows(
                f"SELECT {column}, count(*) AS number FROM {aside} "
                f"WHERE reason = 'unknown_{column}' AND {column} IS NOT NULL "
                f"GROUP BY ALL ORDER BY number DESC, {column} LIMIT {_NAMES_SHOWN}"
            )
            notes += [
                f"unknown {column} {name!r} in {counted(rows, 'row')}: {did_you_mean(name, known)}"
                for name, rows in unknown
            ]
    return tuple(notes)
