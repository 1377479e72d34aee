"""The page: template, style, charts and their JavaScript in one HTML text."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from importlib import resources
from typing import Any

from daypart.errors import DaypartError
from daypart.report.content import Content, Download
from daypart.storage.location import PathLike, local_path

_LARGEST_LOGO = 200_000
_LOGO_TYPES = {".png": "image/png", ".svg": "image/svg+xml", ".jpg": "image/jpeg"}
_LARGEST_PLAIN_CSV = 60_000


def render_page(content: Content, *, logo: str | None = None) -> str:
    """Return a report as one HTML text that loads nothing.

    Parameters
    ----------
    content : Content
    logo : str, optional
        A `data:` address (see `read_logo`).

    Returns
    -------
    str

    Notes
    -----
    The page's content security policy forbids every load from a network, and every script but
    its own two, which it names by their digest.
    """
    import jinja2
    from markupsafe import Markup

    scripts = [_file("vega_embed.js"), _file("page.js")]
    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FunctionLoader(_file),
    )
    environment.filters["address"] = csv_address
    environment.filters["file_name"] = csv_name
    names = [chart.name for chart in content.charts]
    assert len(set(names)) == len(names), "names of charts are unique"
    specifications = {c.name: c.draw().to_dict(validate=False) for c in content.charts}
    template = environment.get_template("page.html.jinja")
    page: str = template.render(
        content=content,
        logo=logo,
        style=Markup(_file("page.css")),  # noqa: S704 - files of this package
        scripts=[Markup(script) for script in scripts],  # noqa: S704
        digests=[_digest(script) for script in scripts],
        charts=Markup(as_script_json(specifications)),  # noqa: S704
    )
    return page


def as_script_json(content: Any) -> str:
    r"""Return JSON for a script element: no markup can begin or end in it.

    Examples
    --------
    >>> as_script_json({"network": "</script>"})
    '{"network":"\\u003c/script\\u003e"}'
    """
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def read_logo(path: PathLike | None) -> str | None:
    """Read a picture as a `data:` address.

    Raises
    ------
    DaypartError
        For a file that does not exist, is too large, or is of another kind.
    """
    if path is None:
        return None
    file = local_path(path)
    kind = _LOGO_TYPES.get(file.suffix.lower())
    if kind is None:
        raise DaypartError(f"{file}: not a logo", hint="give a .png, .svg or .jpg file")
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DaypartError(f"{file}: not readable ({error.strerror})") from None
    if len(content) > _LARGEST_LOGO:
        raise DaypartError(
            f"{file}: {len(content):,} bytes", hint=f"give a logo under {_LARGEST_LOGO:,} bytes"
        )
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def csv_address(download: Download) -> str:
    """Return a `data:` address of a CSV, gzipped where it is large."""
    content = download.text.encode()
    if _is_large(download):
        packed = base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()
        return f"data:application/gzip;base64,{packed}"
    return f"data:text/csv;charset=utf-8;base64,{base64.b64encode(content).decode()}"


def csv_name(download: Download) -> str:
    """Return the file name of a CSV as it is in the page."""
    return f"{download.name}.gz" if _is_large(download) else download.name


def _is_large(download: Download) -> bool:
    return len(download.text) > _LARGEST_PLAIN_CSV


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _file(name: str) -> str:
    return (resources.files("daypart.report") / name).read_text(encoding="utf-8")
