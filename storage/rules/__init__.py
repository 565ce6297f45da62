"""What operations do to a user's journal, in memory: no database."""
