"""The model and its checkpoint folder. Only `framing.model.network` needs torch."""
