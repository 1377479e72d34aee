"""Measure every step from simulated events to the report: seconds and peak memory.

Each step is a command in its own process, so that no step uses what another one loaded. Peak
memory is that of the whole tree of processes: the largest sum of their proportional set sizes
(pages that workers share count once), sampled ten times a second, and at least the largest
resident set that the kernel reports for any of them.

    python benchmarks/pipeline.py --size small --size medium [--json figures.json] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from daypart.demo import SIZES as DEMO_SIZES
from daypart.demo import Size

SMALLEST = Size(markets=2, networks=16, segments=4, households=1000, weeks=8)
SIZES = {"smallest": SMALLEST, **DEMO_SIZES}
WEEKS_HELD_OUT = 2
WEEKS_AHEAD = 4
_SAMPLING_SECONDS = 0.1
_RUN = "import sys; from daypart.cli.main import main; main(sys.argv[1:])"
_BRIEF = "import sys; from daypart.planning.brief.example import write_example_brief as w; "
_BRIEF += "w(sys.argv[1], sys.argv[2], rate_card=sys.argv[3])"
_COMPILE = "from daypart.models.negbin.model import compile_kernels; compile_kernels(every=True)"


@dataclass(frozen=True)
class Step:
    """One measured step.

    Parameters
    ----------
    name : str
    seconds : float
        Wall clock, from the start of Python to its end.
    cpu_seconds : float
        User and system time of all processes of the step.
    peak_mb : float
        Peak memory of all processes of the step together, 10^6 bytes.
    what : str
        The amount of work of the step.
    """

    name: str
    seconds: float
    cpu_seconds: float
    peak_mb: float
    what: str


class _PeakOfTree(threading.Thread):
    """Samples the memory of a process and its descendants until `stop`."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._ended = threading.Event()
        self.peak_bytes = 0

    def run(self) -> None:
        while not self._ended.wait(_SAMPLING_SECONDS):
            self.peak_bytes = max(self.peak_bytes, sum(map(_memory_of, _tree_of(self._pid))))

    def stop(self) -> int:
        self._ended.set()
        self.join()
        return self.peak_bytes


def _tree_of(pid: int) -> Iterator[int]:
    yield pid
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = " ".join((task / "children").read_text() for task in tasks).split()
    except OSError:
        return
    for child in children:
        yield from _tree_of(int(child))


def _memory_of(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def measure(name: str, command: Sequence[str], what: str = "") -> tuple[Step, Any]:
    """Run a command; return its time and memory, and the JSON that it printed."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        begun = time.perf_counter()
        child = subprocess.Popen(command, stdout=output, stderr=errors)
        watcher = _PeakOfTree(child.pid)
        watcher.start()
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - begun
        peak = max(watcher.stop(), 1024 * usage.ru_maxrss)
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        text = output.read().decode()
        if child.returncode:
            raise SystemExit(f"{name} failed:\n{text}{errors.read().decode()}")
    step = Step(name, seconds, usage.ru_utime + usage.ru_stime, peak / 1e6, what)
    return step, json.loads(text) if text.strip() else None


def run_pipeline(size: Size, folder: Path, seed: int) -> list[Step]:
    """Run every step of one size in `folder`, from simulation to report."""
    market, store, run, backtest = (folder / n for n in ("market", "store", "run", "backtest"))
    (folder / "household.key").write_text("the key of a benchmark, all simulated\n")
    (folder / "household.key").chmod(0o600)
    shape = [
        f"--{name}={count}"
        for name, count in asdict(size).items()
        if name in ("markets", "networks", "segments", "households", "weeks")
    ]
    steps: list[Step] = []

    def verb(name: str, *arguments: object, what: str | None = None) -> Any:
        json_option = [] if what is not None else ["--json"]
        words = [sys.executable, "-c", _RUN, name, *map(str, arguments), "--quiet", *json_option]
        step, outcome = measure(name, words, what or "")
        print(f"{name}: {step.seconds:.1f} s, {step.peak_mb:,.0f} MB", file=sys.stderr)
        steps.append(step)
        return outcome

    def describe_last(what: str) -> None:
        steps[-1] = Step(**{**asdict(steps[-1]), "what": what})

    made = verb("simulate", market, *shape, f"--seed={seed}")
    describe_last(f"{made['rows']:,} events")
    credited = verb(
        *("ingest", market / "events", "--households", market / "households.parquet"),
        *("--markets", market / "markets.parquet", "--networks", market / "networks.parquet"),
        *("--segments", market / "segments.toml", "--key-file", folder / "household.key"),
        *("--into", store),
    )
    describe_last(f"{credited['rows']['read']:,} rows read")
    fitted = verb("fit", store, "--run", run, f"--seed={seed}")
    partitions = fitted["partitions"]
    describe_last(f"{partitions:,} partitions of {size.weeks} weeks")
    verb(
        *("backtest", store, "--out", backtest, f"--weeks={WEEKS_HELD_OUT}", f"--seed={seed}"),
        what=f"{partitions:,} partitions, {WEEKS_HELD_OUT} weeks held out",
    )
    forecast = verb(
        *("predict", run, f"--weeks={WEEKS_AHEAD}", "--out", folder / "forecast.parquet"),
        f"--seed={seed}",
    )
    describe_last(f"{forecast['rows']:,} rows")
    by_market = folder / "by_market.parquet"
    verb(
        *("predict", run, f"--weeks={WEEKS_AHEAD}", "--by=market", "--out", by_market),
        f"--seed={seed}",
        what="totals by market, with their own intervals",
    )
    verb("insights", run, "--out", folder / "insights", what=f"{partitions:,} partitions")
    rates = market / "rate_card.parquet"
    brief = folder / "brief.toml"
    measure("brief", [sys.executable, "-c", _BRIEF, str(brief), str(store), str(rates)])
    plan = verb("plan", store, "--brief", brief, "--run", run, "--out", folder)
    describe_last(
        f"{sum(line['spots'] for line in plan['lines']):,} spots, gap {100 * plan['gap']:.2f} %"
    )
    verb(
        *("report", folder / "report.html", "--store", store, "--run", run, "--plan", folder),
        *("--insights", folder / "insights", "--backtest", backtest),
        *("--truth", market / "truth.parquet"),
        what="",
    )
    describe_last(f"{(folder / 'report.html').stat().st_size / 1e6:.2f} MB")
    return steps


def describe_machine() -> dict[str, Any]:
    """Return the processor, memory and versions that the figures depend on."""
    cpu = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(memory / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def table_of(name: str, size: Size, steps: Sequence[Step]) -> str:
    """Return one size's figures as a Markdown table."""
    partitions = size.markets * size.networks * size.segments
    lines = [
        f"### {name}: {size.markets} markets x {size.networks} networks x {size.segments} segments "
        f"= {partitions:,} partitions, {size.households:,} households, {size.weeks} weeks",
        "",
        "| step | what | seconds | CPU seconds | peak MB |",
        "|---|---|---:|---:|---:|",
        *(
            f"| {s.name} | {s.what} | {s.seconds:.1f} | {s.cpu_seconds:.1f} | {s.peak_mb:,.0f} |"
            for s in steps
        ),
        f"| all | | {sum(s.seconds for s in steps):.1f} | {sum(s.cpu_seconds for s in steps):.1f} "
        f"| {max(s.peak_mb for s in steps):,.0f} |",
    ]
    return "\n".join(lines)


def describe(machine: Mapping[str, Any]) -> str:
    """Return the machine as a sentence."""
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']:g} GB, "
        f"{machine['system']}, Python {machine['python']}"
    )


def main() -> None:
    """Measure the chosen sizes and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", action="append", choices=SIZES, help="Default: small.")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", type=Path, help="Also write the figures to this file.")
    parser.add_argument("--keep", type=Path, help="Keep the folders here.")
    chosen = parser.parse_args()
    machine = describe_machine()
    print(f"{describe(machine)}\n")
    measure("compile", [sys.executable, "-c", _COMPILE])
    figures: dict[str, Any] = {}
    for name in chosen.size or ["small"]:
        folder = Path(tempfile.mkdtemp(prefix=f"daypart-{name}-", dir=chosen.keep))
        try:
            steps = run_pipeline(SIZES[name], folder, chosen.seed)
        finally:
            if chosen.keep is None:
                shutil.rmtree(folder)
        print(f"{table_of(name, SIZES[name], steps)}\n")
        figures[name] = {"size": asdict(SIZES[name]), "steps": [asdict(step) for step in steps]}
    if chosen.json:
        chosen.json.write_text(json.dumps({"machine": machine, "sizes": figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()
