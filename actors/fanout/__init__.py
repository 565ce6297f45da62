"""From one update to every connection of its user."""
