"""Checks of a fitted partition: Pareto k-hat of the hours (`khat`) and transforms (`pit`).

Both run inside the fit of a partition, and the results have their columns. Start with `pit`.
"""
