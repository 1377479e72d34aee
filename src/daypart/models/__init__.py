"""What fits a block of partitions: the Bayesian count model, baselines, adapters; scores."""
