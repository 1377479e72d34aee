"""What every model promises: a row a partition, ordered forecasts, draws by name and seed alone."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from daypart.errors import DaypartError
from daypart.models.protocol import Window
from daypart.models.registry import BUILT_IN, get_model
from daypart.series.block import SeriesBlock, block_from_arrays

FIRST_HOUR = 473_352  # Monday 2024-01-01T00:00Z
HOURS = 6 * 168


def block_of(**series: np.ndarray) -> SeriesBlock:
    ids = list(series)
    counts = [np.asarray(values, dtype=np.int32) for values in series.values()]
    return block_from_arrays(
        pa.table({"unique_id": ids}),
        ["America/New_York"] * len(ids),
        [FIRST_HOUR] * len(ids),
        counts,
    )


def state_of(block: SeriesBlock, fitted: pa.Table) -> pa.Table:
    state = block.keys
    columns = {
        "timezone": pa.array(block.timezones),
        "first_hour": pa.array(block.first_hours * 3_600_000_000).cast(pa.timestamp("us", "UTC")),
        "hours": pa.array(np.diff(block.offsets)),
        "exposure": pa.array([1.0] * len(block)),
    }
    columns |= {name: fitted[name] for name in fitted.column_names}
    for name, values in columns.items():
        state = state.append_column(name, values)
    return state


@pytest.fixture(scope="module")
def block() -> SeriesBlock:
    rng = np.random.default_rng(3)
    daily = np.tile(np.exp(np.sin(np.arange(24) / 24 * 2 * np.pi)), HOURS // 24)
    gaps = rng.poisson(3 * daily)
    gaps[500:700] = -1
    return block_of(
        busy=rng.poisson(40 * daily),
        sparse=rng.poisson(0.1 * daily),
        gaps=gaps,
        nothing=np.full(HOURS, -1),
        brief=rng.poisson(3, 200),
        empty=np.zeros(0),
    )


@pytest.mark.parametrize("name", BUILT_IN)
class TestEveryModel:
    def test_gives_a_row_a_partition_and_a_reason_where_there_is_no_posterior(self, name, block):
        fitted = get_model(name).fit(block)
        assert fitted["status"].to_pylist() == ["ok"] * 3 + ["skipped"] * 3
        reasons = fitted["reason"].to_pylist()
        assert reasons[:3] == [None] * 3
        assert all(reasons[3:])
        assert fitted.schema.names[:2] == ["status", "reason"]

    def test_forecasts_finite_ordered_quantiles_and_nan_without_a_posterior(self, name, block):
        model = get_model(name)
        state = state_of(block, model.fit(block))
        window = Window(FIRST_HOUR + HOURS, 200)
        forecast = model.forecast(state, window, [0.9, 0.1, 0.5])
        assert forecast.quantiles.shape == (6, 200, 3)
        assert np.isfinite(forecast.mean[:3]).all()
        assert np.isnan(forecast.mean[3:]).all()
        low, middle, high = forecast.quantiles[:3, :, [1, 2, 0]].transpose(2, 0, 1)
        assert (low <= middle).all()
        assert (middle <= high).all()
        assert (low >= 0).all()
        assert (forecast.sd[:3] >= 0).all()

    def test_draws_paths_that_do_not_depend_on_the_block_around_a_partition(self, name, block):
        model = get_model(name)
        window = Window(FIRST_HOUR + HOURS, 50)
        together = state_of(block, model.fit(block))
        alone_block = block.take([2])
        alone = state_of(alone_block, model.fit(alone_block))
        paths = model.sample_paths(together, window, 7, seed=5)
        assert paths.dtype == np.int32
        assert paths.shape == (6, 7, 50)
        assert (paths[3:] == -1).all()
        assert (paths[:3] >= 0).all()
        np.testing.assert_array_equal(paths[2], model.sample_paths(alone, window, 7, seed=5)[0])
        assert (paths[2] != model.sample_paths(alone, window, 7, seed=6)[0]).any()

    def test_fits_the_same_to_the_bit_however_partitions_are_blocked(self, name, block):
        model = get_model(name)
        whole = model.fit(block)
        reversed_ = model.fit(block.take([5, 4, 3, 2, 1, 0])).take([5, 4, 3, 2, 1, 0])
        assert whole.equals(reversed_)

    def test_scales_its_forecast_with_the_exposure(self, name, block):
        model = get_model(name)
        state = state_of(block, model.fit(block)).slice(0, 1)
        doubled = state.set_column(
            state.schema.get_field_index("exposure"), "exposure", pa.array([2.0])
        )
        window = Window(FIRST_HOUR + HOURS, 24)
        single = model.forecast(state, window, []).mean
        np.testing.assert_allclose(model.forecast(doubled, window, []).mean, 2 * single)


def test_an_unknown_model_or_parameter_is_named_with_what_was_meant():
    with pytest.raises(DaypartError, match="did you mean negbin"):
        get_model("negbn")
    with pytest.raises(DaypartError, match="did you mean holidays"):
        get_model("negbin", holiday=True)
    with pytest.raises(DaypartError, match="neither true nor false"):
        get_model("negbin", holidays="yes")
