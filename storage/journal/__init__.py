"""What the journal's transactions read and write."""
