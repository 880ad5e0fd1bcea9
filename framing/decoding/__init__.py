"""From logits to what the reader sees: frames on their evidence, voices, hedges, sources, and who is cited for what."""
