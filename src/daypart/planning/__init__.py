"""Plan a campaign on the household panel, count the reach of a schedule, measure its delivery.

The parts, in the order of the data: `brief` reads the request, its limits and the rate card;
`panel` reads who watched what, and calibrates it to a forecast; `reach` counts a schedule on the
panel; `problem` turns brief, panel and prices into columns and rows; `solve` holds the concave
model of reach and the optimiser; `search` finds the best plan with them; `outcome` assembles its
figures and its certificate; `exports` writes them; `delivery` measures what was aired. Start
reading at `plan.plan`, which goes through all of them, and at `campaign` for what it passes on.
"""
