"""The command line: quick help, one-line errors, exit codes, machine-readable outcomes."""

from __future__ import annotations

import inspect
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

import daypart
from daypart.cli.main import find_verbs, main
from daypart.cli.verb import GROUPS, verb


def run(capsys, *arguments: object) -> tuple[int, str, str]:
    """Run the command line in this process; return exit code, standard output and error."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out, printed.err


@pytest.fixture(scope="module")
def sales(tmp_path_factory) -> Path:
    """Four weeks of hourly counts of two shops."""
    path = tmp_path_factory.mktemp("sales") / "sales.csv"
    rows = ["shop,ds,y"]
    for shop, scale in (("north", 3), ("south", 5)):
        for hour in range(4 * 168):
            day, clock = divmod(hour, 24)
            stamp = f"2025-01-{6 + day:02d}" if day < 26 else f"2025-02-{day - 25:02d}"
            rows.append(f"{shop},{stamp}T{clock:02d}:00:00Z,{(hour * 7919) % 5 * scale}")
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture
def store(sales, tmp_path, capsys) -> Path:
    run(capsys, "import", sales, "--into", tmp_path / "store", "--key", "shop", "--quiet")
    return tmp_path / "store"


def test_import_prints_rows_partitions_and_missing_hours(sales, tmp_path, capsys):
    code, out, _ = run(capsys, "import", sales, "--into", tmp_path / "s", "--key", "shop")
    assert code == 0
    assert "1,344 rows -> 2 partitions" in out
    assert "0 of 1,344 hours are missing" in out


def test_quiet_prints_nothing(sales, tmp_path, capsys):
    outcome = run(capsys, "import", sales, "--into", tmp_path / "s", "--key", "shop", "-q")
    assert outcome == (0, "", "")


def test_with_json_standard_output_is_only_json(store, tmp_path, capsys):
    arguments = ["fit", store, "--run", tmp_path / "run", "--model", "seasonal_naive", "--json"]
    code, out, err = run(capsys, *arguments)
    assert code == 0
    assert json.loads(out)["ok"] == 2
    assert "fitting" in err
    code, out, _ = run(capsys, "status", tmp_path / "run", "--json")
    assert json.loads(out)["missing"] == 0


def test_with_json_an_error_is_json_too(tmp_path, capsys):
    code, out, err = run(capsys, "fit", tmp_path / "none", "--run", tmp_path / "r", "--json")
    assert code == 2
    assert json.loads(out)["error"]["exit_code"] == 2
    assert "no store here" in json.loads(out)["error"]["message"]
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fti"], "did you mean fit"),
        (["fit", "store", "--runn", "x"], "--run"),
        (["fit", "store"], "--run"),
        (["fit", "/none", "--run", "/tmp/none-run"], "/none: no store here"),
        (["status", "/none"], "/none: no run here"),
        (["import", "/none.csv", "--into", "/tmp/none-store"], "/none.csv: no such file"),
        (["fit", "ftp://bucket/store", "--run", "run"], "ftp:// is not supported"),
        (["simulate", "/proc/daypart", "--weeks", "2"], "can't be written to"),
        (["simulate", "/tmp/x", "--markets", "211"], "210"),
        (["demo", "--size", "huge"], "small"),
        (["demo", "--out", "/usr"], "/usr: contains other files"),
        (["ingest", "/none/*.csv", "--households", "/none", "--into", "/tmp/none-st"], "/none"),
        (["plan", "/none", "--brief", "/none.toml", "--out", "/tmp/none-plan"], "/none.toml"),
        (["report", "/tmp/none.html", "--store", "/none"], "/none"),
        (["insights", "/none", "--out", "/tmp/none-insights"], "/none: no run here"),
        (["predict", "/none", "--out", "/tmp/none.csv"], "/none: no run here"),
        (["posterior", "/none", "--out", "/tmp/none.csv"], "/none: no run here"),
        (["posterior", "/none", "--out", "/tmp/none.txt"], "end it in .parquet or .csv"),
        (["backtest", "/none", "--out", "/tmp/none-backtest"], "/none: no store here"),
        (["task", "/none", "0"], "/none: no run here"),
        (["completion", "tcsh"], "bash"),
    ],
)
def test_a_user_error_is_printed_in_at_most_three_lines(capsys, arguments, message):
    code, out, err = run(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert message in err
    assert len(err.splitlines()) <= 3
    assert "Traceback" not in err


def test_debug_prints_the_traceback(tmp_path):
    outcome = subprocess.run(
        [sys.executable, "-m", "daypart", "status", tmp_path, "--debug"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" in outcome.stderr


def test_a_failed_partition_is_named_and_the_exit_code_is_3(store, tmp_path, capsys, monkeypatch):
    (tmp_path / "fussy.py").write_text(
        "from daypart.models.registry import get_model\n"
        "class Fussy:\n"
        "    name, version, parameters = 'fussy', '1', {}\n"
        "    def fit(self, block):\n"
        "        if 'north' in block.unique_ids:\n"
        "            raise ValueError('north is closed')\n"
        "        return get_model('seasonal_naive').fit(block)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    code, out, _ = run(
        capsys, "fit", store, "--run", tmp_path / "run", "--model", "fussy:Fussy", "--workers", 1
    )
    assert code == 3
    assert out.splitlines()[0].startswith("failed: north: ")
    assert "north is closed" in out


def test_an_interrupted_fit_continues_where_it_stopped(store, tmp_path):
    (tmp_path / "slow.py").write_text(
        "import pathlib, time\n"
        "from daypart.models.registry import get_model\n"
        "class Slow:\n"
        "    name, version, parameters = 'slow', '1', {}\n"
        "    def fit(self, block):\n"
        f"        pathlib.Path({str(tmp_path / 'fitting')!r}).touch()\n"
        "        time.sleep(1.0)\n"
        "        return get_model('seasonal_naive').fit(block)\n"
    )
    command = [sys.executable, "-m", "daypart", "fit", str(store), "--run", str(tmp_path / "run")]
    command += ["--model", "slow:Slow", "--executor", "inline"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    first = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "fitting").exists():
        assert first.poll() is None, first.communicate()[1]
        time.sleep(0.05)
    first.send_signal(signal.SIGTERM)
    _, err = first.communicate(timeout=30)
    assert first.returncode in (0, 75), err
    again = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert "2 partitions = 2 ok" in again.stdout


def test_the_top_level_help_fits_forty_lines_and_ends_with_an_example(capsys):
    code, out, _ = run(capsys, "--help")
    assert code == 0
    lines = out.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80
    assert lines[-1].split()[:3] == ["Example:", "daypart", "demo"]
    assert "daypart VERB --help" in lines[-2]
    assert "\\b" not in out


def test_the_top_level_help_lists_every_verb_once_in_the_groups_of_the_data(capsys):
    _, out, _ = run(capsys, "--help")
    listed = [line.split() for line in out.splitlines() if line.startswith("  ")]
    for name, command in find_verbs().items():
        assert sum(name in words[:2] for words in listed) == 1, name
        assert command.group in GROUPS
    groups = [words[0] for words in listed if words[0] in GROUPS]
    assert groups == list(GROUPS)


def test_every_verb_has_help_of_at_most_forty_lines_with_an_example(capsys):
    for name in find_verbs():
        code, out, _ = run(capsys, name, "--help")
        assert code == 0
        assert len(out.splitlines()) <= 40, name
        assert "Example: " in out, name
        assert "--json" in out, name


def test_every_option_of_every_verb_has_a_help_text():
    for name, command in find_verbs().items():
        silent = [
            option.opts[0]
            for option in command.params
            if isinstance(option, click.Option) and not option.help
        ]
        assert not silent, (name, silent)


def function_name(name: str) -> str:
    return "import_series" if name == "import" else name.replace("-", "_")


@pytest.mark.parametrize("name", [n for n in find_verbs() if function_name(n) in daypart.__all__])
def test_options_have_the_defaults_of_the_function_of_the_same_name(name):
    parameters = inspect.signature(getattr(daypart, function_name(name))).parameters
    command = find_verbs()[name]
    for option in command.params:
        default = option.to_info_dict()["default"]
        if option.name in parameters and not option.required and default is not None:
            given = option.type_cast_value(click.Context(command), default)
            assert given == parameters[option.name].default, option.name


def test_a_verb_of_an_unknown_group_is_refused():
    with pytest.raises(ValueError, match="not one of Start, Data"):
        verb("walk", group="Legs", example="daypart walk")


def test_doctor_finds_a_version_of_every_part(capsys):
    code, out, _ = run(capsys, "doctor", "--json")
    assert code == 0
    assert all(json.loads(out)["parts"].values())


def test_doctor_shows_the_settings_of_s3_and_docker_without_secrets(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a secret that is never shown")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    code, out, _ = run(capsys, "doctor")
    assert code == 0
    assert "credentials from AWS_ACCESS_KEY_ID, region eu-west-1" in out
    assert "endpoint http://127.0.0.1:9" in out
    assert f"socket {tmp_path}/docker.sock does not exist" in out
    assert "a secret" not in out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_printed(capsys, shell):
    code, out, _ = run(capsys, "completion", shell)
    assert code == 0
    assert "_DAYPART_COMPLETE" in out


def test_completion_completes_verbs():
    environment = os.environ | {
        "_DAYPART_COMPLETE": "bash_complete",
        "COMP_WORDS": "daypart back",
        "COMP_CWORD": "1",
    }
    outcome = subprocess.run(
        [sys.executable, "-m", "daypart"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "backtest" in outcome.stdout
