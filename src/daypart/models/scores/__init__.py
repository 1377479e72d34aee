"""Scores of forecasts: proper scores of distributions (`proper`), coverage of intervals."""
