"""The simulated television market: nobody watched it, and every file says so."""

from daypart.synthetic.counts import simulate_counts
from daypart.synthetic.simulation import DEFAULT_START, Simulation, simulate

__all__ = ["DEFAULT_START", "Simulation", "simulate", "simulate_counts"]
