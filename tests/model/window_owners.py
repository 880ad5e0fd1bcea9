"""Which window each token of a long sentence is read in, found by looking at every token and every window."""

from collections.abc import Sequence


def owners(windows: Sequence[tuple[int, int]], tokens: int) -> list[int]:
    """The window of each token: the one in which it is farthest from an edge; of two, the later one.

    Args:
        windows: the first token and the number of tokens of each.
        tokens: how many the sentence has.
    """

    def distance(token: int, window: tuple[int, int]) -> int:
        first, length = window
        return min(token - first, first + length - 1 - token)

    numbers = range(len(windows) - 1, -1, -1)  # from the last, so that `max` takes the later one of two
    found = []
    for token in range(tokens):
        holding = [n for n in numbers if windows[n][0] <= token < windows[n][0] + windows[n][1]]
        found.append(max(holding, key=lambda n: distance(token, windows[n])))
    return found
