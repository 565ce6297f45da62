"""One request and its answer (RFC 9110): what all routes use."""
