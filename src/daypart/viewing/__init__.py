"""Viewing: crediting rules, the broadcast clock, dayparts, and ingest into a viewing store."""
