"""What the daemon is measured beside: the least that a server of the same kind can do."""
