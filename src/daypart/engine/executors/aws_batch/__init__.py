"""Tasks as array jobs of AWS Batch."""
