"""What operations do to a line's journal, in memory: no database."""
