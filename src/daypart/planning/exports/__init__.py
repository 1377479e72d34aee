"""The files that a plan is written to.

`writers` holds the table of them, from a file's name to its writer: CSV (`csv_tables`), Excel
(`workbook`), the MediaPlan open standard (`mediaplan`) and `plan.json`. Start reading there.
"""
