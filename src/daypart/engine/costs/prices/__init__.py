"""What Amazon asks for: a table that the user owns, refreshed from Amazon's own APIs."""
