"""Who does what: typed messages, small ports, one actor per responsibility. No sockets, no SQL, no HTTP."""
