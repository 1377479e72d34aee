"""Crediting compared with plain Python, and inputs that must give the same store."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from viewing_events import (
    HOUSEHOLDS,
    Tune,
    assert_same_cells,
    at,
    expected_cells,
    ingest_arguments,
    inside,
    judged,
    stored_cells,
    stored_hut,
    united_ms,
    write_events,
)

from daypart.series.store import SeriesStore
from daypart.viewing.crediting import CreditingRules
from daypart.viewing.ingest import ingest

# New York's clocks went forward on 2025-03-09 at 07:00 UTC, Los Angeles' at 10:00 UTC.
FIRST = at("2025-03-08T20:00:00+00:00")

tunes = st.builds(
    lambda household, network, device, start, length: Tune(
        household, network, FIRST + start * 1000, FIRST + (start + length) * 1000, device
    ),
    st.sampled_from(sorted(HOUSEHOLDS)),
    st.sampled_from(["ESPN", "CNN", "FOOD"]),
    st.sampled_from([None, "a", "b"]),
    st.one_of(st.integers(0, 60 * 3600), st.integers(0, 40).map(lambda n: n * 1800)),
    st.one_of(st.integers(-90, 90), st.integers(0, 20 * 3600), st.sampled_from([1800, 3600])),
)
events = st.lists(tunes, min_size=1, max_size=25).flatmap(
    lambda chosen: st.lists(st.sampled_from(chosen), max_size=3).map(lambda again: chosen + again)
)
quick = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)


class Folder:
    """A temporary folder of one example."""

    def __enter__(self) -> Path:
        self.path = Path(tempfile.mkdtemp(prefix="daypart-"))
        return self.path

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.path)


def has_a_valid_row(chosen: list[Tune]) -> bool:
    return any(tune.end_ms >= tune.start_ms for tune in chosen)


def everything(store: Path) -> dict:
    """The content of a store, without the number of its writes."""
    opened = SeriesStore.open(store)
    viewing = opened.extra["viewing"]
    kept = ("rows", "networks", "segments", "window", "markets", "households")
    content: dict = {name: viewing[name] for name in kept}
    content["hashes"] = {name: r["content_hash"] for name, r in opened.regions.items()}
    for name in ("households", "universe"):
        content[name] = pq.read_table(store / viewing["files"][name]).to_pylist()
    for name in ("hut", "panel"):
        files = viewing["files"][name]
        content[name] = {code: pq.read_table(store / f).to_pylist() for code, f in files.items()}
    content["rows"]["set_aside"] = dict(sorted(content["rows"]["set_aside"].items()))
    return content


@quick
@given(events.filter(has_a_valid_row), st.sampled_from([(60, 720), (0, 720), (90, 45)]))
def test_counts_and_minutes_equal_crediting_in_plain_python(chosen, limits):
    rules = CreditingRules(minimum_tune_seconds=limits[0], idle_cap_minutes=limits[1])
    with Folder() as folder:
        file = write_events(folder / "events.parquet", chosen)
        report = ingest(
            file, into=folder / "store", crediting=rules, **ingest_arguments(folder / "beside")
        )
        counts, credited = judged(chosen, rules)
        expected = inside(expected_cells(credited), folder / "store")
        assert_same_cells(stored_cells(folder / "store"), expected)
        anywhere = inside(expected_cells(credited, any_network=True), folder / "store")
        assert_same_cells(stored_hut(folder / "store"), anywhere)
    assert report.rows.read == len(chosen)
    assert report.rows.adds_up()
    assert report.rows.credited == counts.pop("credited", 0)
    assert report.rows.below_minimum_tune == counts.pop("below_minimum_tune", 0)
    assert dict(report.rows.set_aside) == counts


@quick
@given(
    events.filter(lambda chosen: len(chosen) > 1),
    st.data(),
    st.sampled_from([None, 1]),
)
def test_ingesting_in_parts_gives_the_same_store_as_at_once(chosen, data, silent_days):
    rules = CreditingRules(out_of_tab_silent_days=silent_days, idle_cap_minutes=300)
    part = data.draw(st.lists(st.booleans(), min_size=len(chosen), max_size=len(chosen)))
    first = [tune for tune, is_first in zip(chosen, part, strict=True) if is_first]
    second = [tune for tune, is_first in zip(chosen, part, strict=True) if not is_first]
    if not (has_a_valid_row(first) and has_a_valid_row(second)):
        return
    with Folder() as folder:
        arguments = {**ingest_arguments(folder / "beside"), "crediting": rules}
        one = write_events(folder / "one.parquet", first)
        other = write_events(folder / "other.parquet", second)
        ingest([one, other], into=folder / "at-once", **arguments)
        ingest(one, into=folder / "in-parts", **arguments)
        ingest(other, into=folder / "in-parts", **arguments)
        assert everything(folder / "in-parts") == everything(folder / "at-once")


@quick
@given(events.filter(has_a_valid_row))
def test_minutes_are_conserved_over_hours_zones_and_daylight_saving(chosen):
    rules = CreditingRules(minimum_tune_seconds=0)
    days_after = Tune("H1", "CNN", FIRST + 10**9, FIRST + 10**9, None)  # holds the window open
    with Folder() as folder:
        file = write_events(folder / "events.parquet", [*chosen, days_after])
        store = folder / "store"
        ingest(file, into=store, crediting=rules, **ingest_arguments(folder / "beside"))
        found = stored_cells(store)
        panel = SeriesStore.open(store).extra["viewing"]["files"]["panel"]
        in_panel = sum(
            sum(pq.read_table(store / name).column("minutes").to_pylist())
            for name in panel.values()
        )
    _, credited = judged(chosen, rules)
    by_viewer: dict = {}
    for tune in credited:
        interval = tune.start_ms, tune.end_ms
        by_viewer.setdefault((tune.household, tune.network), []).append(interval)
    united = {viewer: united_ms(intervals) / 60_000 for viewer, intervals in by_viewer.items()}
    projected = sum(HOUSEHOLDS[viewer[0]][1] * minutes for viewer, minutes in united.items())
    in_store = sum(minutes for key, (_, minutes) in found.items() if key[2] == "all")
    np.testing.assert_allclose(in_store, projected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(in_panel, sum(united.values()), rtol=1e-5, atol=1e-6)


@quick
@given(events.filter(has_a_valid_row))
def test_split_minutes_of_sets_add_up_to_the_viewing_time_of_the_household(chosen):
    with_devices = [tune for tune in chosen if tune.device is not None]
    if not has_a_valid_row(with_devices):
        return
    rules = CreditingRules(multi_set="split", minimum_tune_seconds=0)
    days_after = Tune("H1", "CNN", FIRST + 10**9, FIRST + 10**9, None)
    with Folder() as folder:
        file = write_events(folder / "events.parquet", [*with_devices, days_after])
        ingest(file, into=folder / "store", crediting=rules, **ingest_arguments(folder / "beside"))
        networks = stored_cells(folder / "store")
        anywhere = stored_hut(folder / "store")
    for market in ("501", "803"):
        by_network = sum(m for k, (_, m) in networks.items() if k[0] == market and k[2] == "all")
        by_household = sum(m for k, (_, m) in anywhere.items() if k[0] == market and k[2] == "all")
        np.testing.assert_allclose(by_network, by_household, rtol=1e-4, atol=1e-2)
