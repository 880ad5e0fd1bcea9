"""The model and its checkpoint folder. Importing this package needs no torch; `framing.model.network` does."""
