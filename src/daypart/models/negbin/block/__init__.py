"""From a store's block of partitions to the kernels and back.

`inputs` flattens a block, `layout` puts one series into a table of weeks x hours, `block_kernel`
fits one partition after the other, `outputs` has the rows that it fills, and `state` makes them
an Arrow table. Start with `fit_block`.
"""
