"""Measurements of what the design promises, beside the peers it was measured against."""
