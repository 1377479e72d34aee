"""The report: one HTML file that opens without a network.

`sources` reads what the other commands wrote. `sections` makes a section of figures, charts and
tables from it, a module for each section; `content` holds what a section consists of. `report`
lists the sections in their order and writes the file with `page`. Start reading at `report`.
"""
