"""How fast framing labels, beside other ways to run the same model, and beside what the machine could do."""
