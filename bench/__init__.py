"""Measurements of the design's targets, next to peers."""
