"""WebSocket: opening handshake, frames, and what devices say."""
