"""The Bayesian count model: nested Laplace approximation of negative binomial counts.

`configuration` fixes the shape and the priors; `block` takes a block to kernels and back; `field`
is the latent field x given theta, and `theta` integrates over the hyperparameters; `checks` are
the diagnostics of a fit. `pooling` makes priors from sums over partitions, `forecast` and `spans`
read a posterior, and `nuts` is the reference by sampling. `model` puts all of it behind the model
protocol: start reading there, then `block.fit_block`.
"""
