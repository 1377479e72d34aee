"""Many tasks anywhere: plan, tasks, executors, results, costs."""
