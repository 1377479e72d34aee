"""The planning problem: what can be bought, at which price, within which limits.

`build` turns a brief, a panel and a rate card into the columns of a `Problem`, with `pins` for the
fixed lines; `constraints` writes the limits as rows, each with its name in the brief; `infeasible`
finds the limits that clash. Start reading at `problem.Problem`.
"""
