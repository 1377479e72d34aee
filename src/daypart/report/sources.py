"""The inputs of a report: what the other commands wrote."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv as pa_csv

from daypart.charts.quantities import Quantity, money
from daypart.engine.results.folder import RunFolder
from daypart.engine.status import RunStatus, status
from daypart.errors import DaypartError
from daypart.planning.outcome.plan_document import DeliveryDocument, PlanDocument
from daypart.report.documents import BacktestDocument, InsightsDocument
from daypart.runs.run.settings import check_fitted_to, read_settings
from daypart.series.store import SeriesStore
from daypart.series.store_document import read_store_document
from daypart.storage.location import PathLike, local_path
from daypart.storage.shapes import read_document
from daypart.storage.tables import read_table


@dataclass(frozen=True)
class InsightTables:
    """What `insights` wrote: its record, and the rows of its tables."""

    record: Mapping[str, Any]
    top_networks: list[dict[str, str]]
    heat_map: list[dict[str, str]]


@dataclass(frozen=True)
class Sources:
    """All inputs of a report; None for those not given.

    Parameters
    ----------
    store : Path
    record : mapping
        `store.json`.
    run : Path or None
    status : RunStatus or None
    plan : mapping or None
        `plan.json`.
    delivery : mapping or None
        `delivery.json`.
    insights : InsightTables or None
    backtest : Path or None
        The folder.
    scores : mapping or None
        `backtest.json`.
    forecast : pyarrow.Table or None
    truth : Path or None
    currency : Quantity
    """

    store: Path
    record: Mapping[str, Any]
    run: Path | None
    status: RunStatus | None
    plan: Mapping[str, Any] | None
    delivery: Mapping[str, Any] | None
    insights: InsightTables | None
    backtest: Path | None
    scores: Mapping[str, Any] | None
    forecast: pa.Table | None
    truth: Path | None
    currency: Quantity

    @property
    def viewing(self) -> Mapping[str, Any]:
        """The record of `ingest`."""
        found: Mapping[str, Any] = self.record.get("viewing") or {}
        return found

    @property
    def simulated(self) -> bool:
        """Whether any input is marked as simulated."""
        records = (self.viewing, self.plan or {}, self.insights.record if self.insights else {})
        return any(bool(record.get("simulated")) for record in records)

    @property
    def currency_name(self) -> str:
        """The currency as axes and columns name it."""
        return self.currency.sign.strip() or str((self.plan or {}).get("currency", ""))

    def series_name(self, key: Mapping[str, str]) -> str:
        """Return the name of a partition or total: the values of its key, markets by name."""
        return ", ".join(
            self.market_name(value) if name == "market" else value for name, value in key.items()
        )

    def market_name(self, code: str) -> str:
        """Return a market's name, or its code where it has none."""
        market = (self.viewing.get("markets") or {}).get(code) or {}
        return str(market.get("name") or code)


def read_sources(
    store: PathLike,
    *,
    run: PathLike | None,
    insights: PathLike | None,
    plan: PathLike | None,
    delivery: PathLike | None,
    backtest: PathLike | None,
    forecast: PathLike | None,
    truth: PathLike | None,
    currency: str,
) -> Sources:
    """Read all inputs of a report.

    Parameters
    ----------
    store, run, insights, plan, delivery, backtest, forecast, truth, currency
        As in `daypart.report`.

    Returns
    -------
    Sources

    Raises
    ------
    DaypartError
        Naming the first input that does not exist or is not readable.
    """
    folder = local_path(store)
    made = _read_record(plan, "plan.json", PlanDocument, "plan")
    return Sources(
        store=folder,
        record=read_store_document(folder),
        run=local_path(run) if run is not None else None,
        status=_status(run, folder) if run is not None else None,
        plan=made,
        delivery=_read_record(delivery, "delivery.json", DeliveryDocument, "measure"),
        insights=_read_insights(insights),
        backtest=local_path(backtest) if backtest is not None else None,
        scores=_read_record(backtest, "backtest.json", BacktestDocument, "backtest"),
        forecast=_read_forecast(forecast),
        truth=_existing(truth),
        currency=money(_currency_of(currency, made)),
    )


def _status(run: PathLike, store: Path) -> RunStatus:
    folder = RunFolder.open(run)
    check_fitted_to(folder, read_settings(folder), SeriesStore.open(store))
    return status(run)


def _read_record(path: PathLike | None, name: str, shape: type, verb: str) -> dict[str, Any] | None:
    """Read a JSON file, or that file of a folder, which a verb wrote."""
    if path is None:
        return None
    found = local_path(path)
    file = found / name if found.is_dir() else found
    return read_document(file, shape, hint=f"give the folder that `{verb}` wrote")


def _read_insights(folder: PathLike | None) -> InsightTables | None:
    if folder is None:
        return None
    path = local_path(folder)
    return InsightTables(
        read_document(path / "insights.json", InsightsDocument),
        _read_csv(path / "top_networks.csv", ("segment", "network", "rating", "index")),
        _read_csv(path / "heat_map.csv", ("segment", "network", "day", "hour", "rating")),
    )


def _read_csv(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError:
        raise DaypartError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DaypartError(f"{path}: not readable as CSV ({error})") from None
    for number, row in enumerate(rows, start=1):
        for name in columns:
            if row.get(name) is None or (name == "hour" and not row[name].isdecimal()):
                raise DaypartError(
                    f"{path}: row {number} has no {name!r}",
                    hint="give the folder that `insights` wrote",
                )
    return rows


def _read_forecast(forecast: PathLike | None) -> pa.Table | None:
    if forecast is None:
        return None
    path = local_path(forecast)
    if path.suffix == ".csv":
        try:
            table = pa_csv.read_csv(path)
        except FileNotFoundError:
            raise DaypartError(f"{path}: no such file") from None
        except (pa.ArrowInvalid, OSError) as error:
            raise DaypartError(f"{path}: not readable as CSV ({error})") from None
    else:
        table = read_table(path)
    for name in ("ds", "mean"):
        if name not in table.column_names:
            raise DaypartError(
                f"{path}: no column {name!r}", hint="give a file that `predict` wrote"
            )
    ends = [name for name in table.column_names if name.lower().startswith(("lo", "hi"))]
    other = str.maketrans("loLOhiHI", "hiHIloLO")
    for name in ("mean", *ends):
        partner = name[:2].translate(other) + name[2:] if name in ends else name
        if partner not in table.column_names or not _is_numeric(table.column(name).type):
            raise DaypartError(
                f"{path}: column {name!r} is not one of numbers, or lacks {partner!r}",
                hint="give a file that `predict` wrote",
            )
    return table


def _is_numeric(kind: pa.DataType) -> bool:
    """Return whether a column has numbers; one of a CSV without any value has none."""
    kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_null)
    return any(is_kind(kind) for is_kind in kinds)


def _existing(path: PathLike | None) -> Path | None:
    if path is None:
        return None
    if not local_path(path).is_file():
        raise DaypartError(f"{local_path(path)}: no such file")
    return local_path(path)


def _currency_of(given: str, plan: Mapping[str, Any] | None) -> str:
    """Return the currency to print: a plan in another one than dollars keeps its own."""
    planned = str((plan or {}).get("currency") or "USD")
    return planned if given == "$" and planned not in ("USD", "$") else given


def number_of(text: str | None) -> float | None:
    """Read a number of a CSV; None for an empty or suppressed cell.

    Examples
    --------
    >>> number_of("1.5"), number_of("suppressed"), number_of("")
    (1.5, None, None)
    """
    try:
        return float(text) if text else None
    except ValueError:
        return None
