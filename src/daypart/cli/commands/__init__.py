"""The commands of the verbs, a module for each group of verbs.

In the order of the data: `start`, `data`, `models`, `runs`, `cluster`, `decisions`. Each command
reads its options, calls the function of the same name and returns an `Outcome`. `daypart` imports
every module of this package to list its verbs, so a module imports at its top only what is quick to
import; the function itself is imported when its command runs. A module added here is found without
being registered.
"""
