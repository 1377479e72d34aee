"""What executors share that hand tasks to a scheduler as array jobs: submit, follow, mend."""
