"""Tasks as array jobs of Slurm."""
