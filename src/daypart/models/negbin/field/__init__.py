"""The field x (hours, weeks, events) given the scales theta: its mode and its covariances.

`structure` has the model's shape and every array, `design` the effects and their scales, and
`likelihood` that of the counts; `mode` finds the mode by Newton's method, whose
Hessian `tree` eliminates node by node until the `dense` block of weeks and events remains;
`mode_derivative` follows the mode as theta changes. Start with `structure`, then `mode`.
"""
