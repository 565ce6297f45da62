"""The bus engine ``nats``."""
