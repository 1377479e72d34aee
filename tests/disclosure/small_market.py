"""A market of 120 households with a few networks, ingested from CSV files and fitted."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path

from daypart import fit, ingest
from daypart.viewing.crediting import CreditingRules

NETWORKS = ("ESPN", "CNN", "ABC")
KEY = b"a key for tests of disclosure"
NIGHTS = (2, 5, 9)


def at(day, minute):
    start = dt.datetime(2025, 3, 3) + dt.timedelta(days=day, minutes=minute)
    return start.strftime("%Y-%m-%dT%H:%M:%S-05:00")


def young_or_old(number):
    return {"age": "young" if number < 60 else "old"}


def make_run(
    root: Path,
    attributes,
    *,
    extra=(),
    segments="",
    weights=None,
    crediting=None,
    model="seasonal_naive",
    small_markets=(),
):
    """Ingest 15 days of viewing into `store`, and fit it in `run`; H7 is of market 501.

    Each of the small markets has one household, named as the market.
    """
    rng = random.Random(3)
    homes = ["household_id,market,weight," + ",".join(attributes(0))]
    events = ["household_id,market,network,start,end"]
    for number in range(120):
        weight = (weights or {}).get(number, 1000)
        homes.append(f"H{number},501,{weight}," + ",".join(map(str, attributes(number).values())))
        for day in range(15):
            for network in NETWORKS:
                if rng.random() < 0.6:
                    start, length = rng.randrange(360, 1380), rng.randrange(5, 50)
                    stamps = f"{at(day, start)},{at(day, start + length)}"
                    events.append(f"H{number},501,{network},{stamps}")
    values = ",".join(map(str, attributes(0).values()))
    homes += [f"{market},{market},1000,{values}" for market in small_markets]
    for home, network, day, start, end in extra:
        market = home if home in small_markets else "501"
        events.append(f"{home},{market},{network},{at(day, start)},{at(day, end)}")
    (root / "homes.csv").write_text("\n".join(homes) + "\n")
    (root / "events.csv").write_text("\n".join(events) + "\n")
    (root / "segments.toml").write_text(segments)
    ingest(
        root / "events.csv",
        households=root / "homes.csv",
        segments=root / "segments.toml" if segments else None,
        into=root / "store",
        timezone="America/New_York",
        key=KEY,
        crediting=crediting or CreditingRules(),
    )
    fit(root / "store", run=root / "run", executor="inline", model=model)
