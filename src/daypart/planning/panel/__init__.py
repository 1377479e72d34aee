"""The household panel of a viewing store: minutes by household and cell.

`reader` reads a store into a `Panel`, `panel` selects segments and gives the impressions of a
spot, and `calibration` compares these with a run's forecast. Start reading at `panel.Panel`.
"""
