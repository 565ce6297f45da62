"""The store's two processes, and the daemon's way to them."""
