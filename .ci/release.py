"""Builds sdist and wheel from a clean tree, checks them, and tags the commit when told to.

    python .ci/release.py          build into dist/ and check; change nothing else
    python .ci/release.py --tag    the same, then `git tag vVERSION`

Nothing is uploaded and no tag is pushed: the last lines print the commands that do so.
"""

from __future__ import annotations

import argparse
import runpy
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

PACKAGE = "src/daypart/"


class RefusedError(Exception):
    """A reason not to release."""


def git(root: Path, *words: str) -> str:
    """Return what a git command prints."""
    done = subprocess.run(
        ["git", "-C", str(root), *words], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def check_tree(root: Path, version: str) -> None:
    """Refuse a dirty tree, a version that is already tagged, and one without a changelog entry."""
    if changed := git(root, "status", "--porcelain"):
        raise RefusedError(f"uncommitted changes:\n{changed}\nCommit or stash them first.")
    if git(root, "tag", "--list", f"v{version}"):
        raise RefusedError(f"v{version} is already tagged. Raise it in {PACKAGE}_version.py.")
    if f"\n## [{version}]" not in (root / "CHANGELOG.md").read_text(encoding="utf-8"):
        raise RefusedError(f"CHANGELOG.md lacks the heading `## [{version}]`. Add it.")


def build(root: Path) -> tuple[Path, Path]:
    """Build into an empty dist/; return sdist and wheel."""
    shutil.rmtree(root / "dist", ignore_errors=True)
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", "dist"], cwd=root, check=True)
    (sdist,) = (root / "dist").glob("*.tar.gz")
    (wheel,) = (root / "dist").glob("*.whl")
    return sdist, wheel


def check_contents(root: Path, version: str, sdist: Path, wheel: Path) -> None:
    """Refuse archives that lack a tracked file, hold others, or name another version."""
    tracked = set(git(root, "ls-files").splitlines())
    with tarfile.open(sdist) as archive:
        top = f"daypart-{version}/"
        packed = {member.name.removeprefix(top) for member in archive if member.isfile()}
    _refuse_difference(sdist, tracked, packed - {"PKG-INFO"})
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        information = f"daypart-{version}.dist-info"
        metadata = Parser().parsestr(archive.read(f"{information}/METADATA").decode())
        licences = [name for name in names if name.startswith(f"{information}/licenses/")]
    package = {name.removeprefix("src/") for name in tracked if name.startswith(PACKAGE)}
    _refuse_difference(wheel, package, {name for name in names if ".dist-info/" not in name})
    if metadata["Version"] != version or not licences or not metadata.get_payload():
        raise RefusedError(f"{wheel.name} lacks its version, licence or description.")


def _refuse_difference(archive: Path, expected: set[str], found: set[str]) -> None:
    if expected != found:
        missing, extra = sorted(expected - found)[:5], sorted(found - expected)[:5]
        raise RefusedError(f"{archive.name}: missing {missing}, not tracked by git {extra}.")


def main() -> int:
    """Run the steps; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tag", action="store_true", help="Tag the commit when the checks pass.")
    options = parser.parse_args()
    root = Path(git(Path.cwd(), "rev-parse", "--show-toplevel"))
    version = runpy.run_path(str(root / PACKAGE / "_version.py"))["__version__"]
    try:
        check_tree(root, version)
        sdist, wheel = build(root)
        check_contents(root, version, sdist, wheel)
    except RefusedError as reason:
        print(f"No release: {reason}", file=sys.stderr)
        return 1
    for archive in (sdist, wheel):
        print(f"{archive.relative_to(root)}  {archive.stat().st_size / 1e6:.1f} MB")
    if not options.tag:
        print(f"Checked. To tag this commit as v{version}: make release TAG=--tag")
        return 0
    git(root, "tag", "--annotate", f"v{version}", "--message", f"daypart {version}")
    print(f"Tagged v{version}. To publish: git push origin v{version}; twine upload dist/*")
    return 0


if __name__ == "__main__":
    sys.exit(main())
