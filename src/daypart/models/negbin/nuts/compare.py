"""Comparison of a fit with the No-U-Turn sampler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from daypart.models.negbin.block.fit_block import fit_partitions
from daypart.models.negbin.nuts.sampler import Density, sample_posterior
from daypart.models.negbin.posterior_columns import summarise

if TYPE_CHECKING:
    from daypart.models.negbin.configuration import ModelSpecification
    from daypart.series.block import SeriesBlock


def compare_partition(
    model: ModelSpecification, block: SeriesBlock, *, draws: int, tune: int, seed: int
) -> dict[str, Any] | None:
    """Fit one partition both ways and return the differences of the posteriors.

    Parameters
    ----------
    model : ModelSpecification
    block : SeriesBlock
        Of one partition.
    draws, tune : int
        Of each of four chains.
    seed : int

    Returns
    -------
    dict or None
        `difference` (largest of posterior means of log mu, in posterior sd) and
        `difference_noise`, `sd_ratio_low`, `sd_ratio_high` (2.5 and 97.5 % of hours) and
        `sd_ratio_noise`, for each hyperparameter `NAME_difference` (in sd) and `NAME_sd_ratio`,
        `hyper_noise`, `rhat`, `divergences`. None where the fast fit has no posterior.

    Notes
    -----
    Each noise is half the difference of the two halves of the chains: the largest over hours,
    95 % over hours, and the largest over hyperparameters.
    """
    near = next(iter(fit_partitions(model, block)))
    if near.status != "ok":
        return None
    fast = summarise(near.nodes)
    wide = next(iter(fit_partitions(model.approximated("full"), block)))
    density = Density(wide.structure, wide.table, fast[:-1, 0])
    sampled = sample_posterior(density, draws=draws, tune=tune, seed=seed)
    ratio = np.sqrt(wide.log_mu_variance) / sampled.log_mu_sd
    away = np.abs(wide.log_mu_mean - sampled.log_mu_mean) / sampled.log_mu_sd
    found = {
        "difference": float(np.nanmax(away)),
        "difference_noise": float(np.nanmax(sampled.noise)),
        "sd_ratio_low": float(np.nanquantile(ratio, 0.025)),
        "sd_ratio_high": float(np.nanquantile(ratio, 0.975)),
        "sd_ratio_noise": float(np.nanquantile(sampled.sd_noise, 0.95)),
        "hyper_noise": float(sampled.hyper_noise.max()),
    }
    for name, own, drawn in zip(
        model.hyperparameters, fast, sampled.hyperparameters.T, strict=True
    ):
        found[f"{name}_difference"] = float(abs(own[0] - drawn.mean()) / drawn.std())
        found[f"{name}_sd_ratio"] = float(own[1] / drawn.std())
    return {**found, "rhat": sampled.rhat, "divergences": sampled.divergences}
