"""What a plan delivered: its spots as they aired, and the households that watched them.

`asrun` reads (or simulates) the log of aired spots, `exposures` joins it to the viewing of a store,
`measure` compares the outcome with the plan, and `delivered` holds and writes it. Start reading at
`measure.measure`.
"""
