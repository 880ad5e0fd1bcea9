"""Speed of fine-tuning with the options that matter, beside the matrix products that it cannot do without."""
