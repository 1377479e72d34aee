"""Pooling in two stages: sums over partitions are fitted, and are the partitions' prior.

`sums` adds up a store in one pass; `fit_sum` fits one sum; `fit_parents` fits all of them and a
sample of partitions (`leaves`), learns what their partitions share (`shared_variation`), and
makes `parents`; `prior` lays these out for the kernels. Start reading in `fit_parents`.
"""
