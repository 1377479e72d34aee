"""The sections of the report, a module each: a function of the sources that returns a `Section`.

It returns None where its inputs are missing. In the order of the page: `plan`, `delivery`,
`forecast`, `spending`, `audience`, `model`, `data`, `definitions`. `held_out_week` is a chart of
`model`; `counts` and `intervals` compute what several sections show. Start reading at `plan`.
"""
