"""A user's devices: the real clients' cores, and how each reaches the service."""
