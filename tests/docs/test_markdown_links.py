"""Links in the Markdown files lead to files and headings, also on GitHub, which MkDocs ignores."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import pytest
from markdown_pages import PAGES, ROOT, anchors, links, page_name


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_relative_link_leads_to_a_file_and_a_heading(page: Path):
    text = page.read_text()
    broken = []
    for link in links(text):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = unquote(link).partition("#")
        target = (page.parent / name).resolve() if name else page
        exists = target.exists() and target.is_relative_to(ROOT)
        if not exists or (anchor and anchor not in anchors(target.read_text())):
            broken.append(link)
    assert not broken


def test_every_page_of_the_documentation_is_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text()
    pages = [page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")]
    assert [page for page in pages if page not in navigation] == []
