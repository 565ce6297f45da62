"""What a user's lists and registers are, how they change and merge, and the messages that say so: no I/O."""
