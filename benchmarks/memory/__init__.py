"""Peak memory of ``framing label`` on a large file."""
