"""HTTP: requests, answers, and the routes of the API."""
