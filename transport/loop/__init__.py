"""What keeps the event loop free for everybody."""
