"""The content of a report, before anything is drawn: sections of figures, charts and tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One number of a row of figures.

    Parameters
    ----------
    label, value : str
    detail : str
        Written below the number: its interval, or what it is compared with.
    """

    label: str
    value: str
    detail: str = ""


@dataclass(frozen=True)
class Download:
    """A CSV file inside the page.

    Parameters
    ----------
    name : str
        File name.
    text : str
    """

    name: str
    text: str


@dataclass(frozen=True)
class ChartPanel:
    """A chart with the sentence above it, the sentence below it, and its numbers.

    Parameters
    ----------
    name : str
        Unique in the report.
    title : str
    insight : str
        What the chart shows, computed from its numbers.
    reading : str
        How to read it.
    draw : function
        Returns the chart; called when the content is complete.
    download : Download
    wide : bool
        Over the whole width of the page.
    """

    name: str
    title: str
    insight: str
    reading: str
    draw: Callable[[], Any]
    download: Download
    wide: bool = False


@dataclass(frozen=True)
class Table:
    """A table of texts.

    Parameters
    ----------
    caption : str
    columns : sequence of str
    rows : sequence of sequence of str
    numeric : frozenset of int
        Columns that are aligned right.
    download : Download, optional
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: frozenset[int] = frozenset()
    download: Download | None = None


@dataclass(frozen=True)
class Definition:
    """A term and what it means here."""

    term: str
    meaning: str


@dataclass(frozen=True)
class Section:
    """A part of the report under one heading.

    Parameters
    ----------
    name : str
        Its anchor.
    title : str
    sentences : sequence of str
    figures : sequence of sequence of Figure
        Rows of figures.
    charts, tables, definitions : sequence
    """

    name: str
    title: str
    sentences: Sequence[str] = ()
    figures: Sequence[Sequence[Figure]] = ()
    charts: Sequence[ChartPanel] = ()
    tables: Sequence[Table] = ()
    definitions: Sequence[Definition] = ()


@dataclass(frozen=True)
class Content:
    """A whole report.

    Parameters
    ----------
    title, subtitle : str
    simulated : bool
        The audience data come from the simulator.
    headlines : sequence of str
    sections : sequence of Section
    left_out : sequence of (str, str)
        What is missing, and the command that creates it.
    """

    title: str
    subtitle: str
    simulated: bool
    headlines: Sequence[str]
    sections: Sequence[Section]
    left_out: Sequence[tuple[str, str]]

    @property
    def charts(self) -> list[ChartPanel]:
        """All charts in their order."""
        return [chart for section in self.sections for chart in section.charts]


def as_download(
    name: str, rows: Iterable[Mapping[str, Any]], columns: Sequence[str] | None = None
) -> Download:
    r"""Write rows as CSV.

    Parameters
    ----------
    name : str
        File name.
    rows : iterable of mappings
    columns : sequence of str, optional
        Those of all rows when left out.

    Examples
    --------
    >>> as_download("a.csv", [{"network": "A, B", "spots": 3}]).text
    'network,spots\n"A, B",3\n'
    """
    listed = list(rows)
    names = list(columns or dict.fromkeys(name for row in listed for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(listed)
    return Download(name, text.getvalue())
