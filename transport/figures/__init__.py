"""What a node counts, as the operator reads it."""
