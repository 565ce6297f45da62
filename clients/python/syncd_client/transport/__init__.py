"""Carries frames and requests to the service and back."""
