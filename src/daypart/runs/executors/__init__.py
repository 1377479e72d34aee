"""Where tasks run: in this process, in processes of this machine, or as array jobs of a cluster."""
