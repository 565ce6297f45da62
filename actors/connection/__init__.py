"""One actor per device's connection."""
