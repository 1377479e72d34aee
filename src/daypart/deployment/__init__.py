"""What daypart needs of a cloud, as one stack that is created, updated and shown."""
