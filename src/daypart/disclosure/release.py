"""Which figures of a viewing store may be published: of its cells, of its hours, of its series."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from daypart.disclosure.contributors import (
    Households,
    Names,
    count_viewers,
    is_dominated,
    most_in_an_hour,
    read_viewing,
)
from daypart.disclosure.ledger import BUCKETS, releases, sketch, too_close
from daypart.disclosure.nesting import nest
from daypart.disclosure.rules import DisclosureRules
from daypart.disclosure.suppression import Tables, protect, protect_one
from daypart.series.local_time import HOURS_PER_WEEK
from daypart.series.store import SeriesStore

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Release:
    """What may be published of a viewing store. The last market is the total over markets.

    Parameters
    ----------
    names : Names
    base : bool array, shape (markets + 1, segments)
        Figures on all households, such as universe estimates.
    cells : bool array, shape (markets + 1, networks, dayparts + 1, segments)
        The last daypart is the whole week.
    any_network : bool array, shape (markets + 1, dayparts + 1, segments)
        Viewing of any network.
    hours : bool array, shape (networks + 1, segments, 168)
        Hours of the week over all markets; the last network is any of them.
    viewers : int64 array, shape (markets + 1, networks, segments)
        Households that viewed in the whole week, at least.
    sketches : mapping of str to float64 array, shape (1, 64)
        Of the households behind the figures of each market and network, for the ledger.
    """

    names: Names
    base: Bools
    cells: Bools
    any_network: Bools
    hours: Bools
    viewers: Ints
    sketches: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class _Counts:
    """Households behind the figures: by market (the last is all), network (any), daypart, group.

    The sketches are of each household's viewing of a market and network, as one number.
    """

    cells: Ints
    dominated: Bools
    carried: Bools
    hours: Ints
    sketches: NDArray[np.float64]


def release(store: SeriesStore, rules: DisclosureRules) -> Release:
    """Decide which figures of a viewing store may be published together.

    A figure needs the base and the contributors of the rules, and no dominating household. Any
    group of households whose figure would follow from published ones needs the same: by
    segments and markets (`suppression`), by dayparts, hours and networks (`nesting`). The viewing
    of a network is suppressed where too few households changed it since an earlier release.

    Parameters
    ----------
    store : SeriesStore
        Written by `daypart ingest`.
    rules : DisclosureRules

    Returns
    -------
    Release
    """
    names = Names.of(store)
    households = Households.read(store, names)
    tables = Tables.of(households.memberships)
    raw = tables.households()
    weights = np.concatenate([_weights(households, m, rules) for m in range(len(names.markets))])
    total = is_dominated(
        households.weight,
        households.memberships.patterns[households.pattern],
        rules.dominance_percent,
    )
    allowed = ~np.concatenate([weights, total[None]])
    base = protect(tables, raw[:, None], allowed, rules.households)[:, 0]
    counts = _count(store, names, households, tables, rules)
    by_kind = _by_kind(names, counts.sketches)
    changed = _changed_by_few(store, by_kind, rules).reshape(counts.sketches.shape[:2])
    cells = _protect_cells(tables, counts, base[:, None] & ~changed[..., None], rules)
    hours = _protect_hours(tables, counts, names, cells[-1], rules)
    viewers = counts.cells[:, :-1, -1, : len(names.segments)]
    return Release(names, base, cells[:, :-1], cells[:, -1], hours, viewers, by_kind)


def _by_kind(names: Names, sketches: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Return the sketches by a text of the market and network; null is all or any."""
    return {
        json.dumps([market, network]): sketches[m, n][None]
        for m, market in enumerate([*names.markets, None])
        for n, network in enumerate([*names.networks, None])
    }


def _changed_by_few(
    store: SeriesStore, new: Mapping[str, NDArray[np.float64]], rules: DisclosureRules
) -> Bools:
    """Return which markets and networks too few households changed since an earlier release."""
    changed = np.zeros(len(new), bool)
    if rules.contributors <= 1:
        return changed
    nothing = np.zeros((1, BUCKETS))
    for entry in releases(store.folder, sketches=True):
        if entry.output == "insights":
            known = [too_close(entry.sketches.get(k, nothing), x[0], rules) for k, x in new.items()]
            changed |= np.concatenate(known)
    return changed


def _weights(households: Households, market: int, rules: DisclosureRules) -> Bools:
    here = households.market == market
    belongs = households.memberships.patterns[households.pattern[here]]
    return is_dominated(households.weight[here], belongs, rules.dominance_percent)[None]


def _count(
    store: SeriesStore,
    names: Names,
    households: Households,
    tables: Tables,
    rules: DisclosureRules,
) -> _Counts:
    patterns = households.memberships.patterns
    markets, networks, dayparts = len(names.markets), len(names.networks), len(names.dayparts)
    shape = (markets + 1, networks + 1, dayparts + 1)
    cells = np.zeros((*shape, len(tables.groups)), np.int64)
    dominated = np.zeros((*shape, len(names.segments)), bool)
    carried = np.zeros((markets, networks), bool)
    by_event = bool(store.extra["viewing"].get("event_segments"))
    of_total = np.where(tables.spans[-1].possible[:, None], tables.spans[-1].coefficients, 0)
    hours = np.zeros((networks + 1, len(tables.groups), HOURS_PER_WEEK), np.int64)
    sketches = np.zeros((markets + 1, networks + 1, BUCKETS))
    of_daypart, of_segment = _coefficients(names.dayparts), _coefficients(names.segments)
    for market, name in enumerate(names.markets):
        minutes, place = read_viewing(store, names, households, market)
        pattern = households.pattern[place]
        cells[market] = count_viewers(minutes, tables.groups[:, pattern])
        projected = minutes * households.weight[place].astype(np.float32)[:, None, None]
        dominated[market] = is_dominated(projected, patterns[pattern], rules.dominance_percent)
        own = households.weight[place] * (1 + (patterns @ of_segment)[pattern])
        viewing = (minutes[..., :-1] @ of_daypart) * own[:, None]
        ids = households.id.take(place).to_numpy()
        sketches[market] = [sketch(values, ids) for values in viewing.T]
        if by_event:  # the panel knows who viewed, but not in which of the events' segments
            cells[market][..., 1:] = 0
        block = store.read_region(name)
        most, carried[market] = most_in_an_hour(block, names, of_total)
        hours[:-1] += most
        hours[-1] += most.max(axis=0, initial=0)
        if by_event or len(place) < np.count_nonzero(households.market == market):
            _raise_to(cells[market], most, names)
    cells[-1], sketches[-1] = cells[:-1].sum(axis=0), sketches[:-1].sum(axis=0)
    return _Counts(cells, dominated, carried, hours, sketches)


def _coefficients(names: Sequence[str]) -> NDArray[np.float64]:
    """Return a number between 0 and 1 for each name, the same in every release."""
    digests = [sha256(name.encode()).digest()[:6] for name in names]
    return np.array([int.from_bytes(digest) for digest in digests]) / 2.0**48


def _raise_to(cells: Ints, most: Ints, names: Names) -> None:
    """Raise lower bounds (networks + 1, dayparts + 1, groups) to the most in an hour."""
    for daypart in range(len(names.dayparts)):
        here = most[..., names.hour_of_week_daypart == daypart].max(axis=-1, initial=0)
        np.maximum(cells[:-1, daypart], here, out=cells[:-1, daypart])
    np.maximum(cells[:-1, -1], cells[:-1, :-1].max(axis=1), out=cells[:-1, -1])
    np.maximum(cells[-1], cells[:-1].max(axis=0), out=cells[-1])


def _protect_cells(tables: Tables, counts: _Counts, base: Bools, rules: DisclosureRules) -> Bools:
    """Return what is published, shape (markets + 1, networks + 1, dayparts + 1, segments).

    `base` says what may be, shape (markets + 1, networks + 1, segments).
    """
    markets, networks, dayparts, groups = counts.cells.shape
    flat = counts.cells.reshape(markets, networks * dayparts, groups)
    allowed = base[:, :, None] & ~counts.dominated
    carried = np.ones((markets, networks), bool)
    carried[:-1, :-1] = counts.carried
    carried[-1, :-1] = counts.carried.any(axis=0)
    allowed &= carried[:, :, None, None]
    held = np.repeat(carried[:-1], dayparts, axis=1)
    published = protect(
        tables, flat, allowed.reshape(markets, -1, base.shape[-1]), rules.contributors, held=held
    ).reshape(allowed.shape)
    week = _by_daypart(published)
    absent = ~carried[:, :, None, None]
    parts, whole = nest(
        np.moveaxis(week | absent, 1, 0)[:-1],
        week[:, -1],
        np.asarray(carried[:-1, :-1].all(axis=0), np.bool_),
    )
    nested = np.concatenate([parts, whole[None]]).swapaxes(0, 1)
    return _by_daypart(nested & ~absent)


def _by_daypart(published: Bools) -> Bools:
    """Nest the dayparts of each network in its week."""
    result = published.copy()
    for network in range(published.shape[1]):
        parts, whole = nest(
            np.moveaxis(published[:, network, :-1], 1, 0), published[:, network, -1]
        )
        result[:, network, :-1], result[:, network, -1] = np.moveaxis(parts, 0, 1), whole
    return result


def _protect_hours(
    tables: Tables, counts: _Counts, names: Names, total: Bools, rules: DisclosureRules
) -> Bools:
    """Return what is published, shape (networks + 1, segments, 168), below the cells' totals."""
    segments = total.shape[-1]
    allowed = np.moveaxis(total[:, names.hour_of_week_daypart], 1, 2)
    flat = np.moveaxis(counts.hours, 1, 2).reshape(-1, counts.hours.shape[1])
    published = np.moveaxis(allowed, 1, 2).reshape(-1, segments) & (
        flat[:, :segments] >= rules.contributors
    )
    nonempty = tables.households()[-1] > 0
    protect_one(tables.spans[-1], published, (flat < rules.contributors) & nonempty, flat, 0)
    result = np.moveaxis(published.reshape(-1, HOURS_PER_WEEK, segments), 1, 2)
    parts, whole = nest(result[:-1], result[-1])
    result = np.concatenate([parts, whole[None]])
    for network in range(len(result)):
        for daypart in np.unique(names.hour_of_week_daypart):
            here = np.flatnonzero(names.hour_of_week_daypart == daypart)
            inside, _ = nest(result[network][:, here].T, total[network, daypart])
            result[network][:, here] = inside.T
    return result
