"""The figures of a plan, and the certificate that they come with.

`assemble` counts the schedule and collects everything into the `CampaignPlan` of `plan_result`:
`certificate` gives the gap and the limits that bind, `shadow_prices` the worth of money and limits,
`comparison` the even split, the reach curve and the sampling gap, `tables` the lines and sums, and
`definitions` the terms and notes. Start reading at `assemble.report_plan`.
"""
