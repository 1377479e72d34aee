"""The rows of small tables that the tests write."""

from __future__ import annotations

CARD = [
    {"market": "007", "network": "Télé", "daypart": "Prime", "cpm": "12.50",
     "first_day": "2024-04-01", "last_day": "2024-06-30"},
    {"market": "501", "network": "NA", "daypart": "Late; night", "cpm": "1e1",
     "first_day": "2024-07-01", "last_day": "2024-09-29"},
]  # fmt: skip
SPOTS = [
    {"market": "007", "network": "Télé", "daypart": "Prime", "week": "2024-04-03", "spots": "3"},
    {"market": "007", "network": "Télé", "daypart": "Prime", "week": "2024-04-08", "spots": "0"},
]
LOG = [
    {"market": "007", "network": "Télé", "instant": "2025-03-04T20:15:10-05:00", "length": "30",
     "cost": "99.5"},
    {"market": "007", "network": "N,1", "instant": "2025-03-05T01:45:00Z", "length": "15",
     "cost": "0"},
]  # fmt: skip
