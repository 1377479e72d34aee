"""The same posterior by the No-U-Turn sampler: slow, exact in the limit, the reference.

`density` is the joint density and its slope; `sampler` draws from it; `fit` makes rows of a run
from the draws; `compare` measures a fast fit against them. Start reading in `density`.
"""
