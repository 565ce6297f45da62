"""The keys and secrets that tokens are signed and verified with."""
