"""A base image without a registry: this machine's Python and Debian packages, as a tar file.

It stands in for `python:3.11-slim` where no registry can be reached: Python lies under
`/usr/local`, as there, and the same few packages are around it.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
from pathlib import Path

_PACKAGES = [
    *("base-files", "base-passwd", "bash", "coreutils", "dash", "findutils", "grep", "sed"),
    *("libc-bin", "libstdc++6", "ca-certificates", "netbase", "tzdata", "tar", "gzip"),
]
_LEFT_OUT = re.compile(r"/usr/share/(doc|man|locale|info|lintian|zoneinfo/right)(/|$)|/boot|/media")
_NOT_OF_PYTHON = {"test", "idlelib", "tkinter", "turtledemo", "__pycache__", "site-packages"}
_MERGED = ("/bin", "/sbin", "/lib", "/lib64")


def write_base_image(target: Path) -> None:
    """Write the root file system as a tar file, to be given to `docker import`."""
    with tarfile.open(target, "w") as archive:
        written: set[str] = set()
        for name in ("usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "tmp", "root", "proc", "sys"):
            _add_folder(archive, name, 0o1777 if name == "tmp" else 0o755)
        for name in _MERGED:
            _add_link(archive, name[1:], f"usr{name}")
        _add_link(archive, "usr/local/bin/python", "python3")
        for path in _files_of_packages():
            _add(archive, path, _merged(path), written)
        prefix = Path(sys.base_prefix)
        for path in _files_of_python(prefix):
            _add(archive, path, f"/usr/local/{path.relative_to(prefix)}", written)
        for path in _libraries(prefix):
            _add(archive, path, _merged(path), written)
        for path in prefix.glob("lib/libpython3*.so*"):
            _add(archive, path, f"/usr/lib/{path.name}", written)  # where no cache is asked
        bundle = Path("/etc/ssl/certs/ca-certificates.crt")
        _add(archive, bundle.resolve(), str(bundle), written)  # made at install, of no package
        for path in ("/etc/ld.so.conf", "/etc/passwd", "/etc/group", "/etc/nsswitch.conf"):
            _add(archive, Path(path), path, written)


def _files_of_packages() -> list[Path]:
    """Return the files of a few packages and of all that they depend on."""
    asked, waiting = set[str](), list(_PACKAGES)
    while waiting:
        package = waiting.pop()
        if package in asked:
            continue
        asked.add(package)
        told = _run("dpkg-query", "-W", "-f", "${Pre-Depends}, ${Depends}\n", package)
        for alternative in re.split(r"[,|]", told):
            name = alternative.split("(")[0].strip().removesuffix(":any")
            if name:
                waiting.append(name)
    lines = [line for package in sorted(asked) for line in _run("dpkg", "-L", package).split("\n")]
    return [Path(line) for line in dict.fromkeys(lines) if line and not _LEFT_OUT.search(line)]


def _files_of_python(prefix: Path) -> list[Path]:
    library = prefix / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    files = [path for path in (prefix / "bin").glob("python3*") if "config" not in path.name]
    for path in library.rglob("*"):
        inside = set(path.relative_to(library).parts)
        if not inside & _NOT_OF_PYTHON and path.suffix != ".a" and not path.is_dir():
            files.append(path)
    for name in ("pip", "setuptools"):
        files += (p for p in (library / "site-packages" / name).rglob("*") if p.is_file())
        files += (p for p in (library / "site-packages").glob(f"{name}-*/*") if p.is_file())
    return [path for path in files if "__pycache__" not in path.parts]


def _libraries(prefix: Path) -> list[Path]:
    """Return the shared libraries that Python's own modules link to."""
    modules = [str(path) for path in prefix.glob("lib/python3*/lib-dynload/*.so")]
    told = _run("ldd", *modules)
    found = {
        Path(each) for each in re.findall(r"=> (/\S+)", told) if not each.startswith(str(prefix))
    }
    return sorted(found | {path.resolve() for path in found})


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _merged(path: Path) -> str:
    """Return the location of a path since `/bin` and its like are links into `/usr`."""
    text = str(path)
    inside = any(text.startswith(f"{folder}/") for folder in _MERGED)
    return f"/usr{text}" if inside else text


def _add(archive: tarfile.TarFile, source: Path, name: str, written: set[str]) -> None:
    arcname = name.lstrip("/")
    if name in _MERGED or name == "/." or arcname in written or not source.exists():
        return
    if source.is_dir() and not source.is_symlink():
        return
    written.add(arcname)
    archive.add(source, arcname=arcname, recursive=False)


def _add_folder(archive: tarfile.TarFile, name: str, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, mode
    archive.addfile(entry)


def _add_link(archive: tarfile.TarFile, name: str, to: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, to
    archive.addfile(entry)
