"""The tiny base of the training tests, which these fine-tune too."""

from tests.train.conftest import few_threads, tiny_base

__all__ = ["few_threads", "tiny_base"]
