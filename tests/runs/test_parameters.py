"""Parameters come from one TOML, overridden by key columns; a wrong name is told before the run."""

from __future__ import annotations

import json

import numpy as np
import pytest
from counted_stores import POISSON

import daypart
from daypart.engine.results.parts import read_results
from daypart.errors import DaypartError
from daypart.runs.forecasts.fitted_run import FittedRun
from daypart.runs.run.parameters import PartitionParameters, read_parameters

TOML = """
prior_hours = 1.0

[network.n0001]
prior_hours = 500.0
prior_shape = 9.0

[market.803]
prior_hours = 50.0
"""


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "model.toml").write_text(TOML)
    return tmp_path / "model.toml"


def rates_of(run):
    table = read_results(run)
    rates = np.array(table["rate"].to_pylist())[:, 0] - 3  # three weeks of data
    return dict(zip(table["unique_id"].to_pylist(), rates.tolist(), strict=True))


def test_a_partition_has_the_defaults_then_the_overrides_and_the_first_column_named_wins(
    store, settings, tmp_path
):
    daypart.fit(store, run=tmp_path / "run", model=POISSON, parameters=settings, workers=1)
    rates = rates_of(tmp_path / "run")
    assert rates["501/n0000"] == 1.0
    assert rates["501/n0001"] == 500.0
    assert rates["803/n0000"] == 50.0
    assert rates["803/n0001"] == 500.0  # [network...] stands before [market...]
    stored = json.loads((tmp_path / "run" / "run.json").read_text())
    assert [o["column"] for o in stored["overrides"]] == ["network", "market"]


def test_a_setting_beats_the_defaults_of_the_file_and_not_its_overrides(store, settings, tmp_path):
    parameters = [settings, {"prior_hours": 7.0}]
    daypart.fit(store, run=tmp_path / "run", model=POISSON, parameters=parameters, workers=1)
    rates = rates_of(tmp_path / "run")
    assert (rates["501/n0000"], rates["501/n0001"]) == (7.0, 500.0)


def test_forecasts_use_each_partitions_own_parameters(store, tmp_path):
    """Holidays off for one network: its forecast of 4 July is not widened."""
    parameters = {"network": {"n0001": {"holidays": False}}}
    daypart.fit(store, run=tmp_path / "run", parameters=parameters)
    run = FittedRun.open(tmp_path / "run")
    rows = run.states([0, 1])
    assert rows["event"].to_pylist()[1] == []
    assert run.model.of({"network": "n0001"}).calendar.effects == ()
    assert len(run.model.of({"network": "n0000"}).calendar.effects) == 4
    # 2025-07-04, far ahead: the effect was never seen, so that it widens the forecast where on
    table = daypart.predict(tmp_path / "run", weeks=1, start=486_525, levels=[95])
    width = (table["hi-95"].to_numpy() - table["lo-95"].to_numpy()).reshape(-1, 168)
    day = slice(486_552 - 486_525, 486_552 - 486_525 + 12)
    assert width[0, day].sum() > 1.05 * width[1, day].sum()


def test_the_parameters_of_a_partition_are_in_its_content_hash_and_no_others(
    store, settings, tmp_path
):
    for name, hours in (("a", 500), ("b", 400)):
        settings.write_text(TOML.replace("500.0", f"{hours}.0"))
        daypart.fit(store, run=tmp_path / name, model=POISSON, parameters=settings, workers=1)
    ids = read_results(tmp_path / "a")["unique_id"].to_pylist()
    hashes = [read_results(tmp_path / name)["content_hash"].to_pylist() for name in "ab"]
    differing = [name for name, a, b in zip(ids, *hashes, strict=True) if a != b]
    assert differing == ["501/n0001", "803/n0001"]


def test_a_run_of_other_overrides_is_not_continued(store, settings, tmp_path):
    daypart.fit(store, run=tmp_path / "run", model=POISSON, parameters=settings, workers=1)
    settings.write_text(TOML.replace("500", "400"))
    with pytest.raises(DaypartError, match="holds a run with other parameters by partition"):
        daypart.fit(store, run=tmp_path / "run", model=POISSON, parameters=settings)
    settings.write_text(TOML.replace("= 1.0", "= 2.0"))
    with pytest.raises(DaypartError, match=r"parameters \{'prior_hours': 1.0\}, not"):
        daypart.fit(store, run=tmp_path / "run", model=POISSON, parameters=settings)


BAD = {
    "[market.50]\ninference='full'": r"toml: \[market.50\]: no partition has market '50'.*501",
    "[network.n0001]\ninferense='full'": (
        r"\[network.n0001\]: model negbin has no parameter 'inferense'; did you mean inference"
    ),
    "[networks.n0001]\ninference='full'": r"toml: \[networks\] is not a key column; did you mean",
    "[market]\n501 = 3": r"\[market\]: 501 is not a table",
    "inferense='full'": r"model negbin has no parameter 'inferense'; did you mean inference",
    "[market.501]\ninference='ful'": r"\[market.501\]: inference='ful' is not known; did you mean",
}


@pytest.mark.parametrize("text", BAD)
def test_a_wrong_name_in_the_file_is_told_before_the_run(store, settings, tmp_path, text):
    settings.write_text(text)
    with pytest.raises(DaypartError, match=BAD[text]):
        daypart.fit(store, run=tmp_path / "run", parameters=settings)
    assert not (tmp_path / "run").exists()


def test_a_table_that_is_no_key_column_is_a_parameter():
    shared, overrides = read_parameters({"sampler": {"draws": 3}}, ["market"])
    assert shared == {"sampler": {"draws": 3}}
    assert PartitionParameters(shared, overrides).of({"market": "501"}) == shared
