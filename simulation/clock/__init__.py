"""Time that is virtual, and what happened at which."""
