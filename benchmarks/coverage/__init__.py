"""Whether intervals of `framing compare` hold what they promise: coverage over corpora whose truth is known."""
