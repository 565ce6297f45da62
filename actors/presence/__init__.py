"""Who is online, and on which node."""
