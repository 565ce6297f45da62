"""HTTP: what is read from a connection, the routes of the API, and their answers."""
