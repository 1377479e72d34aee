"""Reads the project's Markdown: fenced blocks, links, headings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
RUNNABLE = ("bash", "console", "python")
_NOT_RUN = re.compile(r"<!-- not run: .+ -->")
_FENCE = re.compile(r"^(```+)(\S*).*$")
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)[^)]*\)")


@dataclass(frozen=True)
class Block:
    """A fenced block to run: its language, the number of its first line, its text."""

    language: str
    line: int
    text: str


def page_name(page: Path) -> str:
    """Return a page's path within the checkout."""
    return page.relative_to(ROOT).as_posix()


def runnable_blocks(text: str) -> list[Block]:
    """Return the blocks to run; `<!-- not run: why -->` on the line before a fence leaves it out.

    >>> [block.text for block in runnable_blocks("```bash\\nls\\n```\\n")]
    ['ls']
    >>> runnable_blocks("<!-- not run: needs a network -->\\n```bash\\nls\\n```\\n")
    []
    """
    blocks: list[Block] = []
    fence, language, begin = "", "", 0
    lines = text.splitlines()
    for number, line in enumerate(lines):
        opening = _FENCE.match(line)
        if fence:
            if line.rstrip() == fence:
                left_out = begin > 0 and _NOT_RUN.match(lines[begin - 1])
                if language in RUNNABLE and not left_out:
                    blocks.append(Block(language, begin + 2, "\n".join(lines[begin + 1 : number])))
                fence = ""
        elif opening:
            fence, language, begin = opening[1], opening[2], number
    assert not fence, f"the fence of line {begin + 1} is not closed"
    return blocks


def prose(text: str) -> str:
    """Return the text without its fenced blocks and code spans."""
    kept: list[str] = []
    fence = ""
    for line in text.splitlines():
        opening = _FENCE.match(line)
        if fence:
            fence = "" if line.rstrip() == fence else fence
        elif opening:
            fence = opening[1]
        else:
            kept.append(line)
    return re.sub(r"`[^`\n]*`", "", "\n".join(kept))


def links(text: str) -> list[str]:
    """Return the targets of links and images.

    >>> links("[a](b.md#c) and ![d](e.png)")
    ['b.md#c', 'e.png']
    """
    return _LINK.findall(prose(text))


def anchors(text: str) -> set[str]:
    """Return the anchors that a page's headings make, as GitHub and MkDocs both do.

    >>> sorted(anchors("# Reach, and the plan\\n## What's next"))
    ['reach-and-the-plan', 'whats-next']
    """
    found = set()
    fence = ""
    for line in text.splitlines():
        opening = _FENCE.match(line)
        if fence:
            fence = "" if line.rstrip() == fence else fence
        elif opening:
            fence = opening[1]
        elif heading := _HEADING.match(line):
            slug = re.sub(r"[^\w\s-]", "", heading[1].lower())
            found.add(re.sub(r"[\s]+", "-", slug.strip()))
    return found
