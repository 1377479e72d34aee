"""The same posterior by the No-U-Turn sampler: slow, exact in the limit, the reference.

References
----------
Hoffman and Gelman (2014), The No-U-Turn sampler, JMLR 15.
Vehtari, Gelman, Simpson, Carpenter and Burkner (2021), Rank-normalization, folding, and
localization: an improved R-hat, Bayesian Analysis 16.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daypart.errors import DaypartError
from daypart.models.negbin.field.structure import FIXED, Series, Structure
from daypart.models.negbin.nuts.density import Tree, WeekBases, bases_of, log_density, tree_of

CHAINS = 4
_DRAWS_AT_ONCE = 100


@dataclass(frozen=True)
class NutsPosterior:
    """The posterior of one partition, from draws.

    Parameters
    ----------
    log_mu_mean, log_mu_sd : float64 array, shape (weeks, 168)
        Of log mu less log exposure; NaN without exposure.
    noise, sd_noise : float64 array, shape (weeks, 168)
        Error of the sampler itself, in sd: half the difference of the means of two halves of the
        chains, and of their standard deviations.
    hyperparameters : float64 array, shape (draws, d)
        Scales and 1 / size.
    hyper_noise, hyper_sd_noise : float64 array, shape (d,)
        The same errors of these.
    rhat : float
        Largest split R-hat of hyperparameters, paths and weeks.
    divergences : int
    """

    log_mu_mean: NDArray[np.float64]
    log_mu_sd: NDArray[np.float64]
    noise: NDArray[np.float64]
    sd_noise: NDArray[np.float64]
    hyperparameters: NDArray[np.float64]
    hyper_noise: NDArray[np.float64]
    hyper_sd_noise: NDArray[np.float64]
    rhat: float
    divergences: int


@dataclass(frozen=True)
class NutsDraws:
    """Points of one partition's posterior, in the coordinates of its density.

    Parameters
    ----------
    points : float64 array, shape (chains, draws, size)
    divergences, evaluations : int
        Over all chains: divergent transitions; evaluations of the density.
    """

    points: NDArray[np.float64]
    divergences: int
    evaluations: int


@dataclass(frozen=True)
class Density:
    """A partition's joint density as the sampler takes it.

    Parameters
    ----------
    structure, table
        As the Laplace kernels took them.
    scales : float64 array, shape (d - 1,)
        Approximate scales: they decide what is centred, and do not change the result.
    """

    structure: Structure
    table: Series
    scales: NDArray[np.float64]

    @property
    def levels(self) -> int:
        """Return the number of scales of the tree; that of the weeks' shocks comes next."""
        return self.structure.week_scale

    @property
    def walks(self) -> bool:
        """Return whether a walk lies under the weeks."""
        return self.structure.walk_scale != FIXED

    @property
    def dimensions(self) -> int:
        """Return the number of coordinates of theta."""
        return len(self.structure.hyper_scales)

    @cached_property
    def tree(self) -> Tree:
        """Return the hour tree, node by node."""
        return tree_of(self.structure)

    @property
    def nodes(self) -> int:
        """Return the number of tree coordinates, the root's included."""
        return len(self.tree.above)

    @property
    def cells(self) -> int:
        """Return the number of cells of a week."""
        return int(self.table.counts.shape[1])

    @property
    def size(self) -> int:
        """Return the number of coordinates."""
        return self.dimensions + self.nodes + self.table.weeks + self.table.effects

    @cached_property
    def bases(self) -> WeekBases:
        """Return the bases of the weeks' coordinates."""
        return bases_of(self.table.weeks)

    def centred(self) -> NDArray[np.int64]:
        """Return 1 for each level (last: the weeks) with more information in data than in prior."""
        weeks = self.table.weeks
        mean = self.table.counts[:weeks].sum() / max((self.table.exposure[:weeks] > 0).sum(), 1)
        information = weeks * mean / (1.0 + 0.5 * mean)
        flags = np.zeros(self.levels + 1, np.int64)
        below, children = information, 1.0
        nodes = np.bincount(self.structure.levels) * self.structure.width
        for level in range(self.levels):
            if level > 0:  # a parent sees its children blurred by their own scale
                below = 1.0 / (1.0 / below + self.scales[level - 1] ** 2)
            seen = children * below
            flags[level] = self.scales[level] ** 2 * seen > 1.0
            above = nodes[level + 1] if level + 1 < self.levels else nodes[level]
            below, children = seen, nodes[level] / above
        weekly = self.scales[[self.levels, self.structure.walk_scale][: 1 + self.walks]]
        flags[-1] = (weekly**2).sum() * information * self.cells / weeks > 1.0
        return flags

    def function(self) -> Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]]:
        """Return a function that computes log density and slope in buffers of its own."""
        weeks = self.table.weeks
        shown = self.table.exposure[:weeks] > 0
        values, found = np.unique(self.table.counts[:weeks][shown], return_counts=True)
        centred, bases = self.centred(), self.bases
        eta = np.empty((weeks, self.cells))
        work = np.empty((6, self.nodes + weeks))
        number = found.astype(np.float64)

        def evaluate(x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            slope = np.empty(len(x))
            value: float = log_density(
                self.structure,
                self.table,
                self.tree,
                centred,
                bases,
                values,
                number,
                np.array(x),
                slope,
                eta,
                work,
            )
            return value, slope

        return evaluate

    def start(self, seed: int) -> NDArray[np.float64]:
        """Return a first point: the mean level, with random noise."""
        random = np.random.default_rng(seed)
        weeks, d = self.table.weeks, self.dimensions
        total = self.table.counts[:weeks].sum() + 0.5
        level = np.log(total / self.table.exposure[:weeks].sum())
        x = random.normal(0.0, 0.1, self.size)
        x[: d - 1] += np.log(np.cbrt(self.scales))
        x[d - 1] += np.log(np.cbrt(0.5))
        centred = self.centred()
        on_level = centred[self.tree.level] == 1
        on_level[-1] = True
        x[d : d + self.nodes][on_level] += level
        return x

    def log_mu(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return log mu less log exposure at many points, shape (points, weeks, 168)."""
        paths, shifts = self.paths(x)
        eta = paths[:, None, :] + shifts[:, :, None]
        effects = self.effects(x)
        for week, hour, effect in self.table.event[:, : self.table.events].T:
            eta[:, week, hour] += effects[:, effect]
        return eta

    def paths(self, x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the cells' paths, shape (points, cells), and the weeks, shape (points, weeks)."""
        d = self.dimensions
        scales, centred = np.exp(3.0 * x[:, : d - 1]), self.centred()
        path = x[:, d : d + self.nodes].copy()
        for level in range(self.levels - 1, -1, -1):  # from the root down
            own = np.flatnonzero(self.tree.level[:-1] == level)
            if not centred[level]:
                path[:, own] = path[:, self.tree.above[own]] + scales[:, [level]] * path[:, own]
        free = x[:, d + self.nodes : d + self.nodes + self.table.weeks]
        if centred[-1]:
            weeks = free @ self.bases.mean_first.T
        else:
            weeks = (free * np.sqrt(sum(self.week_variances(x)))) @ self.bases.walk.T
        return path[:, : self.cells] - weeks.mean(axis=1, keepdims=True), weeks

    def week_variances(self, x: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """Return the variances of shocks and walk along each eigenvector, (points, weeks) each."""
        scale = np.exp(3.0 * x[:, : self.dimensions - 1])
        shock = np.repeat(scale[:, [self.levels]] ** 2, self.table.weeks, axis=1)
        walk = scale[:, [self.structure.walk_scale]] ** 2 if self.walks else np.zeros((len(x), 1))
        return shock, walk * self.bases.eigenvalue

    def effects(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the events' effects, shape (points, effects)."""
        return x[:, self.dimensions + self.nodes + self.table.weeks :]

    def origins(
        self, x: NDArray[np.float64], generator: np.random.Generator
    ) -> NDArray[np.float64]:
        """Draw the walk's last level given the weeks, shape (points,); 0 without a walk.

        Parameters
        ----------
        x : float64 array, shape (points, size)
        generator : numpy.random.Generator
        """
        shock, walk = self.week_variances(x)
        share, last = walk / (shock + walk), self.bases.walk[-1]
        mean = ((self.paths(x)[1] @ self.bases.walk) * share) @ last
        rest = (share * shock) @ last**2
        return np.asarray(mean + np.sqrt(rest) * generator.standard_normal(len(x)))


def check_sampler() -> None:
    """Raise where nutpie is not installed.

    Raises
    ------
    DaypartError
    """
    if importlib.util.find_spec("nutpie") is None:
        raise DaypartError("the No-U-Turn sampler needs nutpie", hint="pip install 'daypart[nuts]'")


def draw_points(
    density: Density, *, draws: int = 500, tune: int = 500, chains: int = CHAINS, seed: int = 0
) -> NutsDraws:
    """Draw points of one partition's posterior; the same seed gives the same points.

    Parameters
    ----------
    density : Density
    draws, tune : int, default 500
        Of each chain.
    chains : int, default 4
    seed : int, default 0

    Raises
    ------
    DaypartError
        Where nutpie is not installed.
    """
    check_sampler()
    import nutpie  # type: ignore[import-untyped]
    from nutpie.compiled_pyfunc import from_pyfunc  # type: ignore[import-untyped]

    def expand(_seed1: int, _seed2: int, _chain: int) -> Callable[..., Mapping[str, Any]]:
        return lambda x, **_: {"x": np.array(x)}

    model = from_pyfunc(
        density.size,
        density.function,
        expand,
        [np.dtype(np.float64)],
        [(density.size,)],
        ["x"],
        make_initial_point_fn=density.start,
    )
    trace = nutpie.sample(
        model,
        draws=draws,
        tune=tune,
        chains=chains,
        cores=1,
        seed=seed,
        save_warmup=False,
        progress_bar=False,
        target_accept=0.9,  # few divergences where scales reach down to 0
    )
    return NutsDraws(
        np.asarray(trace.posterior["x"].values, dtype=np.float64),
        int(trace.sample_stats["diverging"].values.sum()),
        int(trace.sample_stats["n_steps"].values.sum()),
    )


def sample_posterior(
    density: Density, *, draws: int = 500, tune: int = 500, seed: int = 0
) -> NutsPosterior:
    """Sample one partition's posterior and summarise it; see `draw_points`.

    Parameters
    ----------
    density : Density
    draws, tune : int, default 500
        Of each of four chains.
    seed : int, default 0
    """
    return summarise_draws(
        density, draw_points(density, draws=draws, tune=tune, chains=CHAINS, seed=seed)
    )


def summarise_draws(density: Density, drawn: NutsDraws) -> NutsPosterior:
    """Summarise points of one partition's posterior.

    Parameters
    ----------
    density : Density
    drawn : NutsDraws
    """
    x = drawn.points
    chains, draws, _ = x.shape
    d, shape = density.dimensions, (density.table.weeks, density.cells)
    sums, squares = np.zeros((2, 2, *shape))
    centre = density.log_mu(x[:1, :1].reshape(1, -1))[0]
    for half, points in _pieces(x):
        away = density.log_mu(points) - centre
        sums[half] += away.sum(axis=0)
        squares[half] += (away**2).sum(axis=0)
    number = chains * draws
    mean = sums.sum(axis=0) / number
    sd = np.sqrt(np.maximum(squares.sum(axis=0) / number - mean**2, 1e-24))
    size = np.array([chains // 2, chains - chains // 2])[:, None, None] * draws
    halves = sums / size
    spreads = np.sqrt(np.maximum(squares / size - halves**2, 0.0))
    noise, sd_noise = (0.5 * np.abs(each[0] - each[1]) / sd for each in (halves, spreads))
    hidden = ~(density.table.exposure[: shape[0]] > 0)
    for values in (mean, sd, noise, sd_noise):
        values[hidden] = np.nan
    flat = x.reshape(number, -1)
    paths, weeks = density.paths(flat)
    watched = np.concatenate([flat[:, :d], paths, weeks], axis=1).reshape(chains, draws, -1)
    natural = np.exp(flat[:, :d] * np.append(np.full(d - 1, 3.0), 6.0))
    two = np.split(natural, [draws * (chains // 2)])
    spread = 2.0 * np.maximum(natural.std(axis=0), 1e-12)
    hyper_noise, hyper_sd_noise = (
        np.abs(moment(two[0]) - moment(two[1])) / spread for moment in (_mean, _sd)
    )
    rhat = float(split_rhat(watched).max())
    return NutsPosterior(
        mean + centre,
        sd,
        noise,
        sd_noise,
        natural,
        hyper_noise,
        hyper_sd_noise,
        rhat,
        drawn.divergences,
    )


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(values.mean(axis=0))


def _sd(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(values.std(axis=0))


def _pieces(x: NDArray[np.float64]) -> Iterator[tuple[int, NDArray[np.float64]]]:
    chains = len(x)
    for chain in range(chains):
        for begin in range(0, x.shape[1], _DRAWS_AT_ONCE):
            yield int(chain >= chains // 2), x[chain, begin : begin + _DRAWS_AT_ONCE]


def split_rhat(draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return split R-hat of each quantity.

    Parameters
    ----------
    draws : float64 array, shape (chains, draws, quantities)

    Returns
    -------
    float64 array, shape (quantities,)

    Examples
    --------
    >>> same = np.random.default_rng(0).normal(size=(4, 500, 1))
    >>> apart = same + np.arange(4)[:, None, None]
    >>> bool(split_rhat(same)[0] < 1.01), bool(split_rhat(apart)[0] > 1.3)
    (True, True)
    """
    half = draws.shape[1] // 2
    split = np.concatenate([draws[:, :half], draws[:, half : 2 * half]])
    within = split.var(axis=1, ddof=1).mean(axis=0)
    between = split.mean(axis=1).var(axis=0, ddof=1)
    ratio: NDArray[np.float64] = np.sqrt((half - 1) / half + between / np.maximum(within, 1e-300))
    return ratio
