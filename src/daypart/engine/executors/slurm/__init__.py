"""Tasks as array jobs of Slurm, by its command line tools.

`settings` is what a user sets, `request` makes the call of sbatch, `commands` runs the tools,
`children` parses what they print, `jobs` is the scheduler that the array driver talks to,
`preflight` checks the cluster before anything is submitted. Start with `executor.py`.
"""
