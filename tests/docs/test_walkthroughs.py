"""What pages tell to type against servers runs as written, in an environment with nothing in it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from markdown_pages import PAGES, page_name

from daypart.synthetic.counts import simulate_counts
from daypart.synthetic.simulation import simulate

pytestmark = [pytest.mark.slow, pytest.mark.server]

QUICK = """
[executor.slurm]
partition = "spot"
cpus = 1
memory_mib = 1000
shared_folder = true
poll_seconds = 2
"""


def blocks_of(name):
    """Return the fenced blocks of a page, but for its output and settings."""
    page = next(page for page in PAGES if page_name(page) == f"docs/how-to/{name}.md")
    return re.findall(r"```(?:text|bash)\n(.*?)```", page.read_text(), re.DOTALL)


def block_with(name, words):
    (found,) = [block for block in blocks_of(name) if words in block]
    return found


class Shell:
    """Bash in a folder, with a home, a path, and what a test gives it."""

    def __init__(self, folder: Path, **variables: str) -> None:
        home = folder / "home"
        home.mkdir()
        self.folder = folder
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environment = {"PATH": path, "HOME": str(home), **variables}

    def run(self, text: str) -> str:
        """Run a block of a page, less what installs packages."""
        lines = [line for line in text.splitlines() if not line.startswith("pip install")]
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join(lines)],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def test_the_emulators_walkthrough(tmp_path):
    simulate_counts(tmp_path / "store", markets=1, networks=4, segments=1, weeks=4)
    shell = Shell(tmp_path)
    words = block_with("aws-batch", "daypart batch-emulator").split()
    with subprocess.Popen(
        words, cwd=tmp_path, env=shell.environment, stderr=subprocess.PIPE, text=True
    ) as emulator:
        try:
            first = emulator.stderr.readline()
            assert "5055" in first, first
            (url,) = re.findall(r"http://127.0.0.1:5055/\S+", first)
            block = block_with("aws-batch", "AWS_ENDPOINT_URL_BATCH=")
            told = shell.run(block.replace("http://127.0.0.1:5055/KEY", url))
        finally:
            emulator.terminate()
    assert "4 partitions = 4 ok" in told


def test_the_walkthrough_of_s3_and_what_the_page_on_cost_shows(s3_server, tmp_path, monkeypatch):
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    simulate(tmp_path / "market", markets=2, networks=8, households=400, weeks=8)
    s3_server.make_bucket("my-tv-bucket")
    client = s3_server.client()
    for file in (tmp_path / "market").rglob("*"):
        if file.is_file():
            key = file.relative_to(tmp_path / "market").as_posix()
            client.upload_file(str(file), "my-tv-bucket", key)
    given = s3_server.environment()
    del given["AWS_DEFAULT_REGION"]
    shell = Shell(tmp_path, **given)
    shell.run(block_with("s3", "daypart ingest s3://"))
    shell.run(block_with("bill", "daypart cost s3://"))


def test_the_walkthrough_of_slurm(slurm, tmp_path):
    simulate_counts(tmp_path / "store", markets=1, networks=4, segments=1, weeks=4)
    (tmp_path / "slurm.toml").write_text(QUICK)
    conf = {name: value for name, value in os.environ.items() if name.startswith("SLURM")}
    shell = Shell(tmp_path, **conf)
    told = shell.run(block_with("slurm", "--executor slurm"))
    assert "4 partitions = 4 ok" in told


def test_the_template_is_printed_without_an_account(tmp_path):
    assert "AWSTemplateFormatVersion" in Shell(tmp_path).run(block_with("aws-batch", "--print"))
