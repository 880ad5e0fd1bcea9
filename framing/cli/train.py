"""``framing-train``: fine-tune an encoder on a codebook."""

from __future__ import annotations

import sys
from functools import partial

from framing.cli._errors import EXIT_INTERRUPTED, EXIT_USER_ERROR, print_error, run_process
from framing.errors import FramingError


def main() -> None:
    """Entry point of ``framing-train [RECIPE.yaml] [--flag value …]``."""
    run_process(partial(run, sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Train as the arguments say, and print the results.

    Returns:
        The exit code: 0, 2 for a user's mistake, 130 after Ctrl-C.
    """
    # Transformers takes seconds to import; a mistyped flag must fail before that.
    from framing.train.config import parse

    try:
        config = parse(arguments)
        from transformers.utils import logging

        from framing.train.front import run_as_configured

        logging.set_verbosity_error()  # its reports on loaded weights are for developers
        result = run_as_configured(config)
    except FramingError as error:
        print_error(error)
        return EXIT_USER_ERROR
    except KeyboardInterrupt:
        print("Interrupted. Go on with --resume_from_checkpoint true.", file=sys.stderr)
        return EXIT_INTERRUPTED
    print(f"checkpoint: {result.folder}")
    if result.sentences_per_second is not None:
        print(f"training:   {result.seconds:.0f} s, {result.sentences_per_second:.1f} sentences/s")
    for name, value in result.metrics.items():
        if value is not None:
            print(f"{name:<20}{value:.3f}")
    return 0


if __name__ == "__main__":
    main()
