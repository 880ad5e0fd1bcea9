"""Peak memory of ``framing label`` on a file far larger than memory should care about."""
