"""HTTP/1.1 on one connection (RFC 9112): heads, time-outs, bounds, and what is written back."""
