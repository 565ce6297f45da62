"""Who is let in, and how much one user may take."""
