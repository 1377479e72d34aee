"""The simulated television market: tune events, households, rate card and true audiences.

`reference` reads real figures; `simulation_plan` checks the arguments; per market,
`market_simulation` takes `households`, the `demand` for networks (`holidays`), `sessions` and
`dirt` to `event_files`, and `truth` to `market_tables`, beside a `rate_card`. `counts` draws
hourly counts alone. Start reading in `simulation`.
"""
