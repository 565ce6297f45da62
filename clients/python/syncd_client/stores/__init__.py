"""Where a client keeps what it knows."""
