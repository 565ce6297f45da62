"""Looking at a database without changing it, and trying what a node will write."""
