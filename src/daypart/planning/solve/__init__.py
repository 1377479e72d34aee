"""The optimiser: the best schedule, with a bound that proves how good it is.

`surrogate` models reach as a concave function of spots and `surrogate_fit` fits it to a panel;
`objective` makes from it what a brief maximises. `cutting_planes` finds the best fractions of spots
with the linear programme of `master` and the climb of `interior`; `rounding` and `integer` find
whole spots; `min_cost` finds the cheapest plan for a goal. Start reading at
`cutting_planes.CuttingPlanes.solve`.
"""
