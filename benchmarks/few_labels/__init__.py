"""Quality with few marked sentences, beside other ways to learn from them."""
