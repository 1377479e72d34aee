"""The command line: every verb of daypart, with the same name as its Python function."""
