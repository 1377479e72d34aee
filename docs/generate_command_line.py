"""A hook of MkDocs: adds the help of every verb to reference/command-line.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

PAGE = "reference/command-line.md"
_WIDTH = 96


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put the help of all verbs at the end of their page."""
    return f"{markdown}\n{command_line()}" if page.file.src_uri == PAGE else markdown


def command_line() -> str:
    """Return the help of all verbs as Markdown, a section per verb."""
    from daypart.cli.main import daypart_command

    top = click.Context(daypart_command, info_name="daypart")
    return "\n".join(_section(name, top) for name in daypart_command.list_commands(top))


def _section(name: str, top: click.Context) -> str:
    group = top.command
    assert isinstance(group, click.Group)
    command = group.get_command(top, name)
    assert command is not None, name
    context = click.Context(
        command, info_name=name, parent=top, terminal_width=_WIDTH, max_content_width=_WIDTH
    )
    return f"## daypart {name}\n\n```text\n{command.get_help(context)}\n```\n"
