"""Devices whose network lets no WebSocket through: the same messages as server-sent events, or by long polling."""
