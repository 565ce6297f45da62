"""The routes of the API: one file for each part of it. ``transport.http.api`` says which is where."""
