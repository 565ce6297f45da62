"""A node's metrics, for operators."""
