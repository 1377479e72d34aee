"""A Batch for trying things out: AWS Batch's calls, limits and losses, on this machine.

One state machine (`BatchMachine`) on a clock: with real processes behind an HTTP server
(`daypart batch-emulator`), or simulated on a virtual clock, which is what `estimate` does.
"""
