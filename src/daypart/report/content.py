"""The content of a report, before anything is drawn: sections of figures, charts and tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from daypart.charts.quantities import Quantity
from daypart.storage.csv_tables import csv_text


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
class Column:
    """A column of a table.

    Parameters
    ----------
    title : str
    fields : str
        The field of a row, or both ends of an interval separated by a space.
    quantity : Quantity, optional
        Rounding and sign of its numbers; without it the column holds text.
    """

    title: str
    fields: str
    quantity: Quantity | None = None

    def text(self, row: Mapping[str, Any]) -> str:
        """Write the column's cell of a row."""
        values = [row[name] for name in self.fields.split()]
        if self.quantity is None:
            return str(values[0])
        return (self.quantity.interval if len(values) > 1 else self.quantity.number)(*values)


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


def as_download(name: str, rows: Iterable[Mapping[str, Any]]) -> Download:
    r"""Write rows as CSV.

    Parameters
    ----------
    name : str
        File name.
    rows : iterable of mappings

    Examples
    --------
    >>> as_download("a.csv", [{"network": "A, B", "spots": 3}]).text
    'network,spots\n"A, B",3\n'
    """
    return Download(name, csv_text(rows))


def table_of(
    caption: str,
    file_name: str,
    columns: Sequence[Column],
    rows: Sequence[Mapping[str, Any]],
    shown: Sequence[Mapping[str, Any]] | None = None,
) -> Table:
    """Make a table of rows, with all their fields as CSV.

    Parameters
    ----------
    caption : str
    file_name : str
        Of the CSV.
    columns : sequence of Column
    rows : sequence of mappings
        The rows of the CSV, rounded as the columns show them.
    shown : sequence of mappings, optional
        The rows of the table; those of the CSV when left out.

    Returns
    -------
    Table
    """
    full = [
        row
        | {
            name: column.quantity.round(row[name])
            for column in columns
            if column.quantity
            for name in column.fields.split()
        }
        for row in map(dict, rows)
    ]
    return Table(
        caption,
        [column.title for column in columns],
        [[column.text(row) for column in columns] for row in (rows if shown is None else shown)],
        frozenset(i for i, column in enumerate(columns) if column.quantity),
        as_download(file_name, full),
    )


def charts_section(
    name: str, title: str, charts: Iterable[ChartPanel | None], sentences: Sequence[str] = ()
) -> Section | None:
    """Make a section of the charts that are not None; return None without any.

    Parameters
    ----------
    name, title, sentences
        As in `Section`.
    charts : iterable of ChartPanel or None
    """
    drawn = [chart for chart in charts if chart is not None]
    return Section(name, title, sentences, charts=drawn) if drawn else None
