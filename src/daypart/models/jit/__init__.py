"""How kernels are compiled and linked.

`compile` has the decorator `kernel`, `types` the types of arguments, `aligned` the allocation of
arrays, and `vector_math` logarithms and exponentials of whole arrays. Start with `compile`, beside
`docs/explanation/kernels.md`.
"""
