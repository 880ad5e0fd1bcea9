"""How training runs: configuration, examples, loss, loop. What was run is recorded in ``training/``."""
