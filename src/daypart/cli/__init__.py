"""The command line: every verb of `daypart` as a command, and what all commands share.

`main` finds all commands, runs one and turns errors into one line and an exit code. `verb` makes
a command of a function and prints its outcome; `options` holds the option types and the
options that several verbs take; `terminal` shows progress. The commands are in `commands`, a
module for each group of verbs. Start reading at `verb`.
"""
