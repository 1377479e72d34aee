"""Audience metrics, roll-ups with uncertainty, and privacy."""

from daypart.insights.privacy import publishable
from daypart.insights.publication import MIN_HOUSEHOLDS, Insights, crediting_text, insights

__all__ = ["MIN_HOUSEHOLDS", "Insights", "crediting_text", "insights", "publishable"]
