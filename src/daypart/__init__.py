"""Television audiences: one Bayesian model per partition, from viewing events to a plan."""

__version__ = "0.1.0"
