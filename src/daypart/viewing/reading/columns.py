"""The tables of an ingest: events, households, markets and networks."""

from __future__ import annotations

from daypart.tables.schema import Column, Schema

LARGEST_WEIGHT = 1_000_000

EVENTS = Schema(
    "events",
    (
        Column("household_id", "text", "Id of the household; kept as a keyed hash."),
        Column("market", "text", "Code of the market; by default the household's.", required=False),
        Column("network", "text", "Name of the network."),
        Column("start", "stamp", "When the tune began."),
        Column("end", "stamp", "When the tune ended.", required=False),
        Column(
            "duration_s",
            "duration",
            "Length of the tune without an end: seconds, HH:MM:SS or ISO 8601 (PT45M).",
            unit="seconds",
            required=False,
        ),
        Column("device_id", "text", "Id of the set; kept as a keyed hash.", required=False),
        Column("segment", "text", "Segment, without a households table.", required=False),
    ),
)
"""Tune events, a row each."""

HOUSEHOLDS = Schema(
    "households",
    (
        Column("household_id", "text", "Id of the household; kept as a keyed hash."),
        Column("market", "text", "Code of its market."),
        Column(
            "weight",
            "number",
            "Households that it represents; 1 for each without the column.",
            unit="households",
            required=False,
            least=0,
            most=LARGEST_WEIGHT,
        ),
    ),
)
"""Households in tab; further columns are attributes, for segments."""

MARKETS = Schema(
    "markets",
    (
        Column("market", "text", "Code of the market."),
        Column("timezone", "text", "IANA name of its time zone."),
        Column("name", "text", "Its name.", required=False, may_be_empty=True),
        Column(
            "tv_homes",
            "number",
            "Homes with television.",
            unit="households",
            required=False,
            may_be_empty=True,
            least=0,
        ),
    ),
)
"""Markets with their time zones."""

NETWORKS = Schema(
    "networks",
    (
        Column("network", "text", "Name of the network."),
        Column(
            "market",
            "text",
            "Market of a local network's events that have none.",
            required=False,
            may_be_empty=True,
        ),
    ),
)
"""The networks to credit."""
