"""Authentication, and limits for each user."""
