"""Learning curve: how quality on a gold file grows with the number of seeds that the model is trained on."""
