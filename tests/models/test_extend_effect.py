"""An effect with a learnt scale is added as docs/how-to/extend/effect.md says, in four files."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import json, sys
from datetime import UTC, datetime
import numpy as np
import pyarrow as pa
from daypart.models.protocol import Window
from daypart.models.registry import get_model
from daypart.series.block import block_from_arrays
from daypart.series.local_time import datetime_to_hour

monday, hours = datetime_to_hour(datetime(2024, 1, 1, tzinfo=UTC)), 168 * 30
day = np.datetime64("2024-01-01") + np.arange(hours + 168 * 5) // 24
text = np.datetime_as_string(day)
middle = np.array([each[8:] == "15" for each in text])
end = np.array([each[8:] == "01" for each in np.datetime_as_string(day + 1)])
truth = 0.5 * middle - 0.3 * end
rng = np.random.default_rng(1)
profile = 0.5 * rng.normal(size=168)
rate = 40.0 * np.exp(np.resize(profile, len(truth)) + truth)
counts = rng.poisson(rate * rng.gamma(20.0, 0.05, len(rate)))[:hours].astype(np.int32)
names = ["long", "short"]
block = block_from_arrays(
    pa.table({"unique_id": names}), ["UTC"] * 2, [monday] * 2, [counts, counts[: 2 * 168]]
)
model = get_model("negbin", holidays=False)
fitted = model.fit(block)
state = block.keys
columns = {
    "timezone": ["UTC"] * 2,
    "first_hour": pa.array([monday * 3_600_000_000] * 2).cast(pa.timestamp("us", "UTC")),
    "hours": [hours, 2 * 168],
    "exposure": [1.0] * 2,
}
for name, values in {**columns, **{name: fitted[name] for name in fitted.column_names}}.items():
    state = state.append_column(name, values if name in fitted.column_names else pa.array(values))
window = Window(monday + hours, 168 * 5)
ahead = model.forecast(state, window, [0.1, 0.9])
paths = model.sample_paths(state, window, 200, 1)
usual = np.resize(40.0 * np.exp(profile), len(truth))[hours:]
later = {"middle": middle[hours:], "end": end[hours:], "other": ~(middle | end)[hours:]}
print(json.dumps({
    "rows": fitted.select(
        ["event", "event_mean", "event_sd", "payday_scale_mean", "payday_scale_sd"]
    ).to_pylist(),
    "forecast": {name: (ahead.mean[0] / usual)[at].mean() for name, at in later.items()},
    "paths": {name: (paths[0].mean(axis=0) / usual)[at].mean() for name, at in later.items()},
    "width": {name: (ahead.sd[1] / ahead.mean[1])[at].mean() for name, at in later.items()},
}))
"""


def follow_the_page(source: Path) -> set[str]:
    """Change a copy of the source as the page says; return the files touched."""
    page = (ROOT / "docs/how-to/extend/effect.md").read_text(encoding="utf-8")
    module, learnt = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    models = source / "daypart/models"
    (models / "events/payday.py").write_text(module)
    configuration = models / "negbin/configuration.py"
    configuration.write_text(configuration.read_text() + "\n\n" + learnt)
    touched = {"events/payday.py", "negbin/configuration.py"}
    names = ["events/events.py"] * 2 + ["negbin/configuration.py", "negbin/model.py"]
    changes = re.findall(r"```diff\n(.*?)```", page, re.DOTALL)
    for name, change in zip(names, changes, strict=True):
        lines = change.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if line[0] in " -")
        after = "".join(line[1:] for line in lines if line[0] in " +")
        text = (models / name).read_text()
        assert text.count(before) == 1
        (models / name).write_text(text.replace(before, after))
        touched.add(name)
    return touched


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    source = tmp_path_factory.mktemp("walk") / "src"
    shutil.copytree(ROOT / "src", source)  # with the compiled kernels, which need not change
    touched = follow_the_page(source)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": str(source)},
        check=True,
        capture_output=True,
        text=True,
    )
    return {**json.loads(done.stdout), "touched": touched}


@pytest.mark.slow
def test_the_page_touches_four_files_of_the_models(result):
    assert len(result["touched"]) <= 4


@pytest.mark.slow
def test_an_effect_with_a_learnt_scale_is_recovered_and_forecast(result):
    row = result["rows"][0]
    found = dict(
        zip(row["event"], zip(row["event_mean"], row["event_sd"], strict=True), strict=True)
    )
    for name, truth in {"payday_middle": 0.5, "payday_end": -0.3}.items():
        mean, sd = found[name]
        assert sd < 0.05
        assert abs(mean - truth) < 3 * sd
    assert 0.15 < row["payday_scale_mean"] < 0.6
    for of in ("forecast", "paths"):
        ratio = result[of]
        assert np.log(ratio["middle"] / ratio["other"]) == pytest.approx(0.5, abs=0.1)
        assert np.log(ratio["end"] / ratio["other"]) == pytest.approx(-0.3, abs=0.1)


@pytest.mark.slow
def test_a_payday_that_was_never_observed_is_as_uncertain_as_its_scale(result):
    row = result["rows"][1]
    assert row["event"] == ["payday_middle"] or row["event"] == []
    variance = 0.3**2  # E[sigma^2] of the half-normal prior, hardly moved by one payday at most
    assert row["payday_scale_mean"] ** 2 + row["payday_scale_sd"] ** 2 == pytest.approx(
        variance, rel=0.8
    )
    assert result["width"]["end"] > result["width"]["other"]
