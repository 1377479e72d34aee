"""Simulation-based calibration of `crossed`: posteriors of series drawn from its own prior.

Each parameter's truth falls into six bins between the posterior's 5, 25, 50, 75 and 95 %
quantiles. Where the posterior is right these hold 5, 20, 25, 25, 20 and 5 % of the truths. The
level is drawn from its prior between means of 0.03 and 5,000 an hour. Run with
`python benchmarks/calibration.py [--draws 1000] [--json]`.

References
----------
Talts, Betancourt, Simpson, Vehtari and Gelman (2018), Validating Bayesian inference algorithms
with simulation-based calibration.
"""

from __future__ import annotations

import argparse
import json

import numpy as np
import pyarrow as pa
from scipy.stats import chisquare, norm

from daypart.models.registry import get_model
from daypart.series.block import block_from_arrays

WEEKS = 13
CLASSES = {"under 1 an hour": (0.03, 1.0), "1 to 30": (1.0, 30.0), "30 to 5,000": (30.0, 5000.0)}
SHARES = np.array([0.05, 0.2, 0.25, 0.25, 0.2, 0.05])
CELLS = ((0, 20), (6, 75), (12, 167))
HYPERPARAMETERS = ("sh", "sw", "inv_phi")


def draw(rng: np.random.Generator, lowest: float, highest: float) -> dict[str, np.ndarray]:
    """Draw parameters from the prior, the level between two logs, and counts from them."""
    alpha = 5.0 * rng.normal()
    while not np.log(lowest) <= alpha < np.log(highest):
        alpha = 5.0 * rng.normal()
    scales = np.abs(rng.normal(size=3)) * [1.0, 0.5, 1.0]
    hours, weeks = scales[0] * rng.normal(size=168), scales[1] * rng.normal(size=WEEKS)
    log_mu = alpha + hours[None, :] + weeks[:, None]
    size = max(scales[2], 1e-6) ** -2.0
    rate = np.exp(log_mu) * rng.gamma(size, 1.0 / size, log_mu.shape)
    counts = rng.poisson(np.minimum(rate, 1e9)).astype(np.int32)
    truth = [alpha + hours.mean(), *(log_mu[cell] for cell in CELLS), *scales[:2], scales[2] ** 2]
    return {"counts": counts, "truth": np.array(truth)}


def bins_of_truths(draws: list[dict[str, np.ndarray]]) -> np.ndarray:
    """Return the bin of each draw's truths, shape (draws, 7)."""
    ids = [str(i) for i in range(len(draws))]
    keys = pa.table({"unique_id": ids})
    monday = np.full(len(ids), 96)  # hours since 1970 of its first Monday
    series = [d["counts"].ravel() for d in draws]
    block = block_from_arrays(keys, ["UTC"] * len(ids), monday, series)
    model = get_model("crossed", inference="full")
    rows = model.fit(block)
    scores = norm.ppf(np.cumsum(SHARES)[:-1])
    found = []
    for i, span in enumerate(model.posterior(block)):
        mean = np.mean(rows.column("hour_of_week_mean")[i].as_py())
        normal = [(mean, rows.column("level_sd")[i].as_py())]
        for week, hour in CELLS:
            place = 168 * week + hour
            normal.append((span.log_mu_mean[place], span.log_mu_sd[place]))
        quantiles = [m + s * scores for m, s in normal]
        quantiles += list(span.hyperparameters[:, 2:])
        truth = draws[i]["truth"]
        found.append([int((q < value).sum()) for q, value in zip(quantiles, truth, strict=True)])
    return np.array(found)


def measure(draws: int, seed: int) -> dict[str, dict[str, float]]:
    """Return the chi-square p-value of each parameter in each size class."""
    names = ("level", *(f"log_mu[{k},{c}]" for k, c in CELLS), *HYPERPARAMETERS)
    result = {}
    for place, (name, (lowest, highest)) in enumerate(CLASSES.items()):
        rng = np.random.default_rng([seed, place])
        bins = bins_of_truths([draw(rng, lowest, highest) for _ in range(draws)])
        result[name] = {}
        for j, parameter in enumerate(names):
            seen = np.bincount(bins[:, j], minlength=6)
            result[name][parameter] = float(chisquare(seen, SHARES * draws).pvalue)
            result[name][f"{parameter} bins"] = (seen / draws).round(3).tolist()
    return result


def main() -> None:
    """Measure, and print a line per size class and parameter."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    result = measure(arguments.draws, arguments.seed)
    if arguments.json:
        print(json.dumps(result))
        return
    for name, values in result.items():
        for parameter, p in values.items():
            if isinstance(p, float):
                print(f"{name:16} {parameter:16} p = {p:.3f}   {values[f'{parameter} bins']}")


if __name__ == "__main__":
    main()
