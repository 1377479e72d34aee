"""Viewing: crediting rules, the broadcast clock, dayparts, and ingest into a viewing store."""

from daypart.viewing.crediting import CreditingRules, crediting_rules
from daypart.viewing.dayparts import STANDARD_DAYPARTS, Daypart, DaypartTable, daypart_table
from daypart.viewing.household_key import household_key
from daypart.viewing.ingest import FROM_EVENTS, ingest
from daypart.viewing.mapping import ColumnMapping, read_mapping
from daypart.viewing.report import IngestReport, Rows
from daypart.viewing.segments import read_segments

__all__ = [
    "FROM_EVENTS",
    "STANDARD_DAYPARTS",
    "ColumnMapping",
    "CreditingRules",
    "Daypart",
    "DaypartTable",
    "IngestReport",
    "Rows",
    "crediting_rules",
    "daypart_table",
    "household_key",
    "ingest",
    "read_mapping",
    "read_segments",
]
