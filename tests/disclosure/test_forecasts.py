"""Forecasts, posteriors and scores of a partition of too few households are not published."""

from __future__ import annotations

import csv
import json

import pytest
from small_market import NIGHTS, make_run, young_or_old

from daypart import backtest, posterior, predict
from daypart.cli.main import main
from daypart.report.sections.counts import counted_hours
from daypart.series.store import SeriesStore

SHOWN = {"ESPN", "CNN"}
"""ABC is hidden too: all networks less the others would give the niche one."""
NICHE = [("H7", "NICHE", night, 23 * 60 + 3, 23 * 60 + 40) for night in NIGHTS]


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    root = tmp_path_factory.mktemp("market")
    make_run(root, young_or_old, extra=NICHE, model="crossed")
    return root


def ids(table):
    return {name.split("/")[1] for name in table.column("unique_id").to_pylist()}


def test_the_only_viewer_of_a_niche_network_has_no_forecast(market):
    assert ids(predict(market / "run", weeks=1)) == SHOWN


def test_hidden_partitions_count_in_a_total_that_enough_of_them_are_hidden_under(market):
    table = predict(market / "run", weeks=1, by=["market"], per="week")
    assert table.column("partitions").to_pylist() == [4]


def test_a_hidden_partition_has_no_posterior(market):
    found = posterior(market / "run")
    assert ids(found.hours) == ids(found.hyperparameters) == SHOWN


def test_a_hidden_partition_has_no_score_and_counts_in_the_scores_of_all(market, tmp_path):
    scores = backtest(market / "store", weeks=1, out=tmp_path / "scores", model="crossed")
    assert ids(scores.partitions) == SHOWN
    assert scores.summary["withheld"] == 2
    assert scores.summary["partitions"] == 4


def test_a_chart_of_a_hidden_partition_has_no_observed_hour(market):
    hours = SeriesStore.open(market / "store").read_region("501")
    first, last = int(hours.first_hours[0]), int(hours.first_hours[0]) + hours.hours_of(0)
    where = {"market": "501", "network": "NICHE"}
    assert counted_hours(market / "store", where, first, last) == {}
    shown = counted_hours(market / "store", where | {"network": "ESPN"}, first, last)
    assert shown
    assert min(shown.values()) >= 10


@pytest.mark.parametrize("verb", ["predict", "posterior"])
def test_what_is_withheld_is_told(market, tmp_path, capsys, verb):
    command = [verb, str(market / "run"), "--out", str(tmp_path / "x.csv")]
    for more in ([], ["--json"]):
        with pytest.raises(SystemExit) as done:
            main([*command, *more])
        assert done.value.code == 0
    text, answer = capsys.readouterr().out.split("{", 1)
    assert "2 partitions withheld: too few households" in text
    assert json.loads("{" + answer)["withheld"] == 2
    with (tmp_path / "x.csv").open() as file:
        assert not any("NICHE" in row["unique_id"] for row in csv.DictReader(file))
