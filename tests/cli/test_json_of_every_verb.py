"""Every verb prints one JSON value with `--json`; a new verb fails here until it is listed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from daypart.cli.main import find_verbs
from daypart.planning.delivery.measure import write_asrun

SMALL_DEMO = """
from daypart.cli.main import main
from daypart.demo import SIZES, Size

SIZES["small"] = Size(markets=1, networks=8, segments=1, households=600, weeks=5)
main(["demo", "--out", "d", "--json"])
"""
ARGUMENTS = {
    "simulate": "market --markets 1 --networks 3 --households 100 --weeks 3",
    "simulate-counts": "grid --markets 2 --networks 2 --segments 1 --weeks 3",
    "ingest": "d/market/events --households d/market/households.parquet "
    "--markets d/market/markets.parquet --key-file d/household.key --into store",
    "import": "counts.csv --into imported",
    "inspect": "store",
    "quarantine": "store --rows 2",
    "forget": "store --households ids.csv --key-file d/household.key",
    "fit": "imported --run run --model seasonal_naive",
    "posterior": "d/run --out posterior.parquet",
    "predict": "run --out forecast.csv",
    "backtest": "imported --out backtest --model seasonal_naive --weeks 1",
    "audit": "d/run --sample 1 --draws 400",
    "status": "run",
    "logs": "run a",
    "cost": "run",
    "cancel": "run",
    "compact": "run",
    "task": "run 0",
    "estimate": "imported --model seasonal_naive --workers 1",
    "insights": "d/run --out insights",
    "reach": "d/store --schedule d/plan.csv",
    "plan": "d/store --brief d/brief.toml --out plan",
    "measure": "after --plan d --asrun asrun.csv",
    "report": "report.html --store d/store",
    "releases": "d/store",
    "doctor": "",
    "completion": "bash",
    "prices": "",
    "deploy": "aws --print",
    "batch-emulator": "--port 0 --quick --seconds 0.2",
    "serve": "d --port 0",
}
"""Of every verb but `demo`, which makes the folder `d` for the others."""

MAY_END_WITH_3 = {"audit"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("every_verb")
    demo = process(made, "-c", SMALL_DEMO)
    assert demo.returncode == 0, demo.stderr
    json.loads(demo.stdout)
    rows = [
        f"a,2025-03-{day:02}T{hour:02}:00Z,{hour}" for day in range(1, 29) for hour in range(24)
    ]
    (made / "counts.csv").write_text("\n".join(["unique_id,ds,y", *rows]) + "\n")
    (made / "ids.csv").write_text("household_id\nnobody\n")
    return made


def process(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"HOME": str(folder), "AWS_EC2_METADATA_DISABLED": "true"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, timeout=300, check=False,
    )  # fmt: skip


def prepare(folder: Path, verb: str) -> None:
    """Make what a verb needs of other verbs; verbs may be tested in any order."""
    needs = {"store": "ingest", "imported": "import", "run": "fit"}
    for word in ARGUMENTS.get(verb, "").split():
        if word in needs and needs[word] != verb and not (folder / word).exists():
            prepare(folder, needs[word])
            made = process(folder, "-m", "daypart", needs[word], *ARGUMENTS[needs[word]].split())
            assert made.returncode == 0, made.stderr
    if verb == "measure":
        size = "--markets 1 --networks 8 --segments 1 --households 600 --weeks 9"
        process(folder, "-m", "daypart", "simulate", "later", *size.split())
        made = process(folder, "-m", "daypart", "ingest", "later/events", "--households",
                       "later/households.parquet", "--markets", "later/markets.parquet",
                       "--key-file", "d/household.key", "--into", "after")  # fmt: skip
        assert made.returncode == 0, made.stderr
        write_asrun(folder / "after", plan=folder / "d", out=folder / "asrun.csv", delivered=0.9)


def _heed_interrupts() -> None:
    """Undo what a shell does to the programs that it starts in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_every_verb_is_listed():
    assert set(ARGUMENTS) | {"demo"} == set(find_verbs())


@pytest.mark.slow
@pytest.mark.parametrize("verb", [name for name in ARGUMENTS if name != "serve"])
def test_a_verb_prints_one_json_value_and_nothing_else(folder, verb):
    prepare(folder, verb)
    done = process(folder, "-m", "daypart", verb, *ARGUMENTS[verb].split(), "--json")
    assert done.returncode in ({0, 3} if verb in MAY_END_WITH_3 else {0}), done.stdout + done.stderr
    assert isinstance(json.loads(done.stdout), dict)


@pytest.mark.slow
def test_serve_prints_json_when_it_is_stopped(folder):
    command = [sys.executable, "-m", "daypart", "serve", *ARGUMENTS["serve"].split(), "--json"]
    with subprocess.Popen(
        command,
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=_heed_interrupts,
    ) as server:
        assert server.stderr is not None
        server.stderr.readline()
        server.send_signal(signal.SIGINT)
        out, _ = server.communicate(timeout=60)
    assert json.loads(out)["address"].startswith("http://127.0.0.1:")
