"""What the two clients, and devices on streams, take of time and memory."""
