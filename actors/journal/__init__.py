"""The actors before the database."""
