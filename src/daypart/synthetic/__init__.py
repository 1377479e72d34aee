"""The simulated television market: nobody watched it, and every file says so."""

from daypart.synthetic.counts import simulate_counts
from daypart.synthetic.simulation import Simulation, simulate
from daypart.synthetic.simulation_plan import DEFAULT_START

__all__ = ["DEFAULT_START", "Simulation", "simulate", "simulate_counts"]
