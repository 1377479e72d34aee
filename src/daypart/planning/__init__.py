"""From a brief to a campaign plan: reach and frequency, the optimiser, exports."""
