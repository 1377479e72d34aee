"""The truth of the simulated market, against what its events come to when they are credited."""

from __future__ import annotations

from datetime import UTC, date, datetime

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daypart.series.local_time import local_hours
from daypart.synthetic.demand import demand_of, random_stream, window_of
from daypart.synthetic.holidays import us_holidays
from daypart.synthetic.households import (
    SEGMENTS,
    in_segments,
    sample_households,
    split_over_markets,
)
from daypart.synthetic.reference import read_markets, read_networks, sports_interest
from daypart.synthetic.sessions import draw_sessions, duration_tables, touch_probabilities
from daypart.synthetic.simulation import simulate
from daypart.synthetic.truth import expected_households, touching_sessions

START = date(2025, 1, 13)
HOUR = 3_600_000_000


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    folder = tmp_path_factory.mktemp("market")
    return simulate(folder, markets=2, networks=10, households=1600, weeks=3, dirty_share=0.01)


@pytest.fixture(scope="module")
def cells(market):
    """Credited and expected households of every cell, with the local hour of week."""
    segments = " UNION ALL ".join(
        f"SELECT household_id, '{name}' AS segment FROM households WHERE {sql_of(predicate)}"
        for name, predicate in SEGMENTS.items()
    )
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"CREATE VIEW households AS FROM '{market.households}'")
    connection.execute(f"CREATE VIEW truth AS FROM '{market.truth}'")
    connection.execute(
        f"""
        CREATE VIEW events AS
        SELECT household_id, network, "start", "end" FROM '{market.events}/*.parquet'
        UNION ALL
        SELECT household_id, network, "start"::timestamptz, "end"::timestamptz
        FROM read_csv('{market.events}/*.csv', all_varchar = true) WHERE "end" LIKE '%Z'
        """
    )
    return connection.execute(
        f"""
        WITH touched AS (
            SELECT DISTINCT household_id, network,
                   unnest(range(epoch_us("start") // {HOUR}, (epoch_us("end") - 1) // {HOUR} + 1))
                       AS hour
            FROM events WHERE epoch_us("end") - epoch_us("start") >= 60000000
        ), credited AS (
            SELECT market, network, segment, hour, count(*) AS households
            FROM touched JOIN households USING (household_id) JOIN ({segments}) USING (household_id)
            GROUP BY ALL
        )
        SELECT truth.market, truth.network, truth.segment, epoch_us(truth.hour) // {HOUR} AS hour,
               expected_households AS expected, coalesce(households, 0) AS credited
        FROM truth LEFT JOIN credited
          ON credited.market = truth.market AND credited.network = truth.network
         AND credited.segment = truth.segment AND credited.hour = epoch_us(truth.hour) // {HOUR}
        ORDER BY ALL
        """
    ).fetchnumpy()


def sql_of(predicate):
    conditions = [
        f"{column} >= {value['min']}" if isinstance(value, dict) else f"{column} = '{value}'"
        for column, value in predicate.items()
    ]
    return " AND ".join(conditions) or "true"


def hours_touched_per_session():
    """Return the mean square over the mean of a session's hours: the excess of its variance."""
    by_lag = touch_probabilities(duration_tables()[0])
    at_least = by_lag / by_lag[0]  # an hour later is touched by those that last until then
    mean_square = ((2 * np.arange(1, len(at_least) + 1) - 1) * at_least).sum()
    return mean_square / at_least.sum()


def z_scores(cells, of, where, excess):
    names, position = np.unique(of[where], return_inverse=True)
    expected = np.bincount(position, cells["expected"][where])
    credited = np.bincount(position, cells["credited"][where].astype(float))
    assert len(names) > 1
    return (credited - expected) / np.sqrt(expected * excess)


@pytest.mark.parametrize("column", ["network", "segment", "market"])
def test_credited_households_agree_with_the_truth_by(column, cells):
    where = np.ones(len(cells["hour"]), bool) if column == "segment" else cells["segment"] == "all"
    z = z_scores(cells, cells[column], where, hours_touched_per_session())
    assert np.abs(z).max() < 3.5
    assert np.sqrt(np.mean(z**2)) < 1.7


def test_credited_households_agree_with_the_truth_by_hour_of_the_week(cells):
    for code, zone in (("501", "America/New_York"), ("803", "America/Los_Angeles")):
        where = (cells["market"] == code) & (cells["segment"] == "all")
        first = int(cells["hour"][where].min())
        local = local_hours(first, 3 * 168, zone).hour_of_week
        hour_of_week = local[np.clip(cells["hour"] - first, 0, 3 * 168 - 1)]
        z = z_scores(cells, hour_of_week, where, 1.0)
        assert len(z) == 168
        assert np.abs(z).max() < 4.5
        assert 0.75 < np.sqrt(np.mean(z**2)) < 1.25


def test_single_cells_scatter_about_the_truth_as_poisson_counts_do(cells):
    where = (cells["segment"] == "all") & (cells["expected"] > 1)
    expected, credited = cells["expected"][where], cells["credited"][where]
    dispersion = np.mean((credited - expected) ** 2 / expected)
    assert 0.85 < dispersion < 1.02  # a sum of unequal Bernoullis: a little under Poisson


def test_a_wrong_truth_would_be_noticed(cells):
    scaled = {**cells, "expected": cells["expected"] * 1.03}
    z = z_scores(scaled, cells["network"], cells["segment"] == "all", hours_touched_per_session())
    assert np.abs(z).max() > 3.5


def test_no_segment_exceeds_all_households(cells):
    table = cells["expected"].reshape(2, 10, len(SEGMENTS), -1)
    names = list(np.unique(cells["segment"]))
    everyone = table[:, :, names.index("all")]
    assert (table <= everyone[:, :, None] + 1e-9).all()
    assert (cells["expected"] >= 0).all()


def small_market(networks=4, households=60, weeks=1):
    market, chosen = read_markets()[0], read_networks()[:networks]
    durations = duration_tables()
    minutes = float(durations[0].mean()) / 60
    demand = demand_of(market, chosen, START, weeks, 7, minutes)
    sample = sample_households(market, chosen, households, random_stream(7, "test"))
    return demand, sample, durations


def test_the_truth_is_the_plain_sum_over_households_to_rounding():
    demand, sample, durations = small_market()
    members = in_segments(sample)
    touching = touching_sessions(demand, durations)
    expected = expected_households(sample, members, touching)
    means = sample.tastes[:, :, None] * touching[sample.group]
    plain = np.einsum("sh,hnt->nst", members.astype(float), -np.expm1(-means))
    np.testing.assert_allclose(expected, plain, rtol=1e-10, atol=1e-10)


def test_some_networks_have_the_truth_that_they_have_among_all():
    demand, sample, durations = small_market()
    some, members = slice(1, 3), in_segments(sample)
    whole = expected_households(sample, members, touching_sessions(demand, durations))
    touching = touching_sessions(demand, durations, some)
    np.testing.assert_array_equal(expected_households(sample, members, touching, some), whole[some])


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (59, [0, 0, 0]),
        (60, [1, 59 / 3600, 0]),
        (3600, [1, 3599 / 3600, 0]),
        (3601, [1, 1, 0]),
        (5400, [1, 1, 1799 / 3600]),
    ],
)
def test_a_session_touches_later_hours_as_often_as_counting_seconds_says(seconds, expected):
    starts = np.arange(3600)
    counted = [np.mean((starts + seconds > 3600 * lag) & (seconds >= 60)) for lag in range(3)]
    given = touch_probabilities(np.array([seconds], np.int32))
    np.testing.assert_allclose(given[:3], counted)
    np.testing.assert_allclose(counted, expected)


@given(st.integers(1, 300), st.lists(st.integers(1, 9_000_000), min_size=1, max_size=210))
def test_the_sample_is_split_whole_over_the_markets(extra, tv_homes):
    households = 2 * len(tv_homes) + extra
    split = split_over_markets(households, tv_homes)
    assert sum(split) == households
    assert min(split) >= min(200, households // len(tv_homes))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**64 - 1), st.floats(0.01, 8.0))
def test_sessions_are_ordered_and_no_device_overlaps_itself(seed, rate):
    flat = np.ones((1, 48))
    sessions = draw_sessions(
        np.array([seed, seed ^ 1], np.uint64),
        np.full((2, 1), rate),
        np.zeros(2, np.int64),
        flat,
        flat,
        np.ones(48, np.int64),
        duration_tables(),
    )
    assert (sessions.end > sessions.start).all()
    assert sessions.end.max(initial=0) <= 48 * 3600
    for household in range(2):
        for device in np.unique(sessions.device[sessions.household == household]):
            mine = (sessions.household == household) & (sessions.device == device)
            assert (sessions.start[mine][1:] >= sessions.end[mine][:-1]).all()


def test_a_household_watches_the_same_in_any_company():
    demand, sample, durations = small_market()
    seeds = np.arange(len(sample), dtype=np.uint64)

    def draw(some):
        return draw_sessions(
            seeds[some],
            sample.tastes[some],
            sample.group[some],
            demand.availability,
            demand.pull,
            demand.late,
            durations,
        )

    whole, alone = draw(slice(0, 60)), draw(slice(10, 11))
    mine = whole.household == 10
    np.testing.assert_array_equal(whole.start[mine], alone.start)
    np.testing.assert_array_equal(whole.network[mine], alone.network)
    assert len(alone) > 0


def local_hour_of_peak(code):
    market = next(market for market in read_markets() if market.code == code)
    demand = demand_of(market, read_networks()[:8], date(2025, 3, 3), 2, 7, 30.0)
    use = demand.availability.mean(axis=0)
    weekday = demand.window.local.hour_of_week < 120
    by_hour = np.bincount(demand.window.hour_of_day[weekday], use[weekday], 24)
    return int(by_hour.argmax())


@pytest.mark.parametrize("code", ["501", "602", "751", "803", "753", "744", "757"])
def test_viewing_peaks_in_the_evening_of_every_zone_before_and_after_the_clocks_change(code):
    assert local_hour_of_peak(code) in (19, 20, 21)


def test_weeks_with_a_change_of_clocks_are_an_hour_short_where_clocks_change():
    assert window_of("America/New_York", START, 13).hours == 13 * 168 - 1
    assert window_of("America/Phoenix", START, 13).hours == 13 * 168
    assert window_of("America/New_York", date(2025, 10, 27), 1).hours == 169


def test_holidays_are_watched_like_sundays():
    demand, _, _ = small_market(weeks=2)
    days = demand.availability[:, : 14 * 24].reshape(-1, 14, 24)
    assert date(2025, 1, 20) in us_holidays(2025)
    np.testing.assert_array_equal(days[:, 7], days[:, 6])  # Monday 20 January, Sunday 19
    assert not np.array_equal(days[:, 0], days[:, 6])


def test_live_sports_spike_their_network_most_where_people_care():
    by_code = {market.code: market for market in read_markets()}
    networks = read_networks()[:8]
    fox = [network.name for network in networks].index("FOX")
    keen = max(by_code, key=lambda code: sports_interest(code)["nfl"])
    cool = min(by_code, key=lambda code: sports_interest(code)["nfl"])
    game = int(datetime(2025, 2, 9, 23, tzinfo=UTC).timestamp()) // 3600

    def spike(code):
        demand = demand_of(by_code[code], networks, START, 6, 7, 30.0)
        at = game - demand.window.first_hour
        return demand.pull[fox, at + 1] / np.median(demand.pull[fox])

    assert spike(keen) > spike(cool) > 2


def test_demographics_differ_in_what_and_when_they_watch():
    demand, sample, _ = small_market(networks=24, households=3000)
    names = [network.name for network in read_networks()[:24]]
    shares = sample.tastes / sample.tastes.sum(axis=1, keepdims=True)
    young_men, older_women = sample.demographic == 0, sample.demographic == 5
    espn, news = names.index("ESPN"), names.index("FOX News")
    assert shares[young_men, espn].mean() > 1.5 * shares[older_women, espn].mean()
    assert shares[older_women, news].mean() > 1.5 * shares[young_men, news].mean()
    assert demand.availability[15:].mean() > demand.availability[:3].mean()


def test_appetites_are_heavy_and_light():
    _, sample, _ = small_market(households=2000)
    appetite = np.sort(sample.tastes.sum(axis=1))
    assert appetite[-400:].sum() > 0.35 * appetite.sum()
    assert appetite[:400].sum() < 0.12 * appetite.sum()
