"""The outside world: HTTP, WebSocket, tokens, buses and their wire shapes."""
