"""What a device's connection is, whatever carries it."""
