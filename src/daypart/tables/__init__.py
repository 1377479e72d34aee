"""Reading every table that a user brings: files, formats, columns, values and their checks.

A `Schema` describes a table's columns once; `open_table` opens a file, a stream or rows as one
DuckDB relation; `read_rows` reads a small table with the value and the problem of every field.
Large tables build their queries from the same expressions, in `values`.
"""
