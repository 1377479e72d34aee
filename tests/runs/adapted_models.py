"""Plain functions that fit one partition, and one that makes a regressor."""

from __future__ import annotations

import numpy as np


def fit(partition, params):
    """Poisson draws around the mean of each hour of the week, times a factor."""
    hours = partition.hours
    hour = partition.hour_of_week
    seen = ~np.isnan(partition.counts)
    total = np.bincount(hour[:hours][seen], partition.counts[seen], 168)
    profile = total / np.maximum(np.bincount(hour[:hours][seen], minlength=168), 1)
    mean = params.get("factor", 1) * profile[hour[hours:]]
    random = np.random.default_rng(partition.seed)
    return {
        "draws": random.poisson(mean, (params.get("number", 200), len(mean))),
        "level": int(profile.mean()),
        "events": ",".join(partition.events),
        "profile": profile,
    }


def moments(partition, params):
    """Normal moments."""
    level = np.nanmean(partition.counts)
    ahead = np.ones(partition.hours_ahead)
    return {"mean": level * ahead, "sd": 2.0 * ahead}


def summary(partition, params):
    """No forecast."""
    return {"largest": np.nanmax(partition.counts)}


def broken(partition, params):
    """Answers wrongly, in the way that the partition's name asks for."""
    ahead = partition.hours_ahead
    return {
        "n0000": lambda: 3,
        "n0001": lambda: {"mean": np.full(ahead, np.nan), "sd": np.ones(ahead)},
        "n0002": lambda: {"mean": np.ones(5), "sd": np.ones(5)},
        "n0003": lambda: {"draws": np.ones(ahead)},
        "n0004": lambda: {"mean": np.ones(ahead)},
        "n0005": lambda: {"dispersion": 1.0},
        "n0006": lambda: {"slope": np.nan},
    }.get(partition.key["network"], lambda: {"slope": 1.0})()


def forest(trees=5):
    """Make a regressor."""
    from sklearn.ensemble import ExtraTreesRegressor

    return ExtraTreesRegressor(n_estimators=trees)
