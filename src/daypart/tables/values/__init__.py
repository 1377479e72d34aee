"""SQL that reads one field: the value of a text or a typed column, and what is wrong with it."""
