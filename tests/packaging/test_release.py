"""`make release` builds from a clean tree only, checks the archives, and tags on request."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from daypart import __version__

ROOT = Path(__file__).parents[2]
TAG = f"v{__version__}"


def git(folder, *words):
    who = ("-c", "user.name=tests", "-c", "user.email=tests@example.org")
    done = subprocess.run(
        ["git", *who, "-C", str(folder), *words], check=True, capture_output=True, text=True
    )
    return done.stdout


@pytest.fixture
def clone(tmp_path):
    """A clone of this checkout as it is on disk, with everything committed and no tags."""
    folder = tmp_path / "clone"
    listed = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    for name in listed:
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    git(tmp_path, "init", "-q", str(folder))
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "all")
    git(folder, "config", "user.name", "tests")
    git(folder, "config", "user.email", "tests@example.org")
    return folder


def release(folder, *options):
    command = [sys.executable, ".ci/release.py", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_dry_release_builds_and_checks_both_archives_and_sets_no_tag(clone):
    done = release(clone)
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (clone / "dist").iterdir()}
    assert names == {f"daypart-{__version__}.tar.gz", f"daypart-{__version__}-py3-none-any.whl"}
    with tarfile.open(clone / "dist" / f"daypart-{__version__}.tar.gz") as archive:
        packed = archive.getnames()
    assert f"daypart-{__version__}/tests/data/bikeshare_stations.csv" in packed
    assert git(clone, "tag", "--list") == ""


def test_a_release_with_the_option_tags_the_commit_once(clone):
    assert release(clone, "--tag").returncode == 0
    assert git(clone, "tag", "--list").split() == [TAG]
    again = release(clone, "--tag")
    assert again.returncode == 1
    assert f"{TAG} is already tagged" in again.stderr


def test_a_release_refuses_uncommitted_changes(clone):
    (clone / "src" / "daypart" / "more.py").write_text("")
    done = release(clone)
    assert done.returncode == 1
    assert "uncommitted changes" in done.stderr
    assert "src/daypart/more.py" in done.stderr
    assert not (clone / "dist").exists()


def test_a_release_refuses_a_version_that_the_changelog_lacks(clone):
    version = clone / "src" / "daypart" / "_version.py"
    version.write_text('"""The version."""\n\n__version__ = "9.9.9"\n')
    git(clone, "commit", "-qam", "next")
    done = release(clone)
    assert done.returncode == 1
    assert "CHANGELOG.md lacks the heading `## [9.9.9]`" in done.stderr


def test_a_release_refuses_a_wheel_that_lacks_a_file_of_the_package(clone):
    (clone / ".gitignore").write_text("dist/\n")
    settings = clone / "pyproject.toml"
    text = settings.read_text()
    assert 'packages = ["src/daypart"]' in text
    line = 'packages = ["src/daypart"]'
    settings.write_text(text.replace(line, f'{line}\nexclude = ["page.css"]'))
    git(clone, "commit", "-qam", "exclude a file")
    done = release(clone)
    assert done.returncode == 1
    assert "missing ['daypart/report/page.css']" in done.stderr
