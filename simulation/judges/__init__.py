"""What was promised, held against what was asked, answered and shown."""
