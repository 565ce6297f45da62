"""The tables: their rows, their versions, and which database they are in."""
