"""The simulated television market: nobody watched it, and every file says so."""

from daypart.synthetic.simulation import Simulation, simulate

__all__ = ["Simulation", "simulate"]
