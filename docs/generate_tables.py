"""A hook of MkDocs: adds the tables that daypart reads to the pages on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

PAGE = "reference/tables.md"
INGEST_PAGE = "how-to/own-events.md"


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put the tables at the end of their pages."""
    if page.file.src_uri == PAGE:
        return f"{markdown}\n{all_tables()}"
    if page.file.src_uri == INGEST_PAGE:
        return f"{markdown}\n{ingest_tables()}"
    return markdown


def all_tables() -> str:
    """Return what every table may hold, and the columns of each, as Markdown."""
    from daypart.planning.brief.rate_card import RATE_CARD
    from daypart.planning.delivery.asrun import AS_RUN
    from daypart.planning.reach.schedule import SCHEDULE
    from daypart.tables.description import rules_table

    plans = _sections("##", RATE_CARD, SCHEDULE, AS_RUN)
    return f"## What is accepted\n\n{rules_table()}\n\n{_ingest_sections('##')}\n{plans}"


def ingest_tables() -> str:
    """Return what the tables of an ingest may hold, as Markdown."""
    from daypart.tables.description import rules_table

    return f"## What is accepted\n\n{rules_table()}\n\n{_ingest_sections('###')}"


def _ingest_sections(heading: str) -> str:
    from daypart.viewing.reading.columns import EVENTS, HOUSEHOLDS, MARKETS, NETWORKS

    return _sections(heading, EVENTS, HOUSEHOLDS, MARKETS, NETWORKS)


def _sections(heading: str, *schemas: object) -> str:
    from daypart.tables.description import schema_table

    return "\n".join(
        f"{heading} {schema.name[0].upper()}{schema.name[1:]}\n\n{schema_table(schema)}\n"
        for schema in schemas
    )
