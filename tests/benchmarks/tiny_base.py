"""A tiny encoder on disk that reads with the shipped model's tokenizer, so that it reads any text."""

from __future__ import annotations

from pathlib import Path

from framing.model.checkpoint import locate


def write_tiny_base(folder: Path) -> Path:
    """Write a BERT of one layer with random weights, as any Hugging Face encoder would be on disk."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertModel

    tokenizer = AutoTokenizer.from_pretrained(locate())
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=128,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder
