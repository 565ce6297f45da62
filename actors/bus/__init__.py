"""To and from the other nodes."""
