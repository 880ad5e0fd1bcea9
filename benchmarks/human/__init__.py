"""Quality on codebooks and labels that other people made."""
