"""Which keys and secrets tokens are signed and checked with."""
