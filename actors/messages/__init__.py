"""Every message between actors and every word they share, with the conversions between their forms."""
