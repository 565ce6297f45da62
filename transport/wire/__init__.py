"""What is said over HTTP and WebSockets alike: addresses, bodies, frames, and errors."""
