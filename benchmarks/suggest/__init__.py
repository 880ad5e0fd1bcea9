"""Labels needed for a quality, where ``framing suggest`` chooses what is labelled, and where chance does."""
