"""Audience metrics, roll-ups with uncertainty, and privacy."""
