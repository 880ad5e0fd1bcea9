"""``framing-train``: fine-tune an encoder on a codebook."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from framing.cli._errors import EXIT_INTERRUPTED, EXIT_USER_ERROR, print_error, run_process
from framing.errors import FramingError

if TYPE_CHECKING:
    from framing.train.judging import Spread


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
        # Of several processes (torchrun) the first one speaks for all.
        is_first = config.training.process_index == 0
        if config.judging.dry_run:
            from framing.train.loop import plan

            planned = plan(config)
            if is_first:
                print("\n".join(planned.lines()))
            return 0
        if config.judging.cross_validate:
            from framing.train.judging import cross_validate

            spreads = cross_validate(config)
            if is_first:
                _print_spreads(f"{config.judging.cross_validate} parts", spreads)
        if config.judging.n_seeds > 1:
            from framing.train.judging import train_seeds

            spreads = train_seeds(config)
            if is_first:
                _print_spreads(f"{config.judging.n_seeds} seeds", spreads)
            return 0
        result = run_as_configured(config)
    except FramingError as error:
        print_error(error)
        return EXIT_USER_ERROR
    except KeyboardInterrupt:
        print("Interrupted. Go on with --resume_from_checkpoint true.", file=sys.stderr)
        return EXIT_INTERRUPTED
    if not is_first:
        return 0
    print(f"checkpoint: {result.folder}")
    if result.published is not None:
        print(f"published:  {result.published}")
    if result.sentences_per_second is not None:
        print(f"training:   {result.seconds:.0f} s, {result.sentences_per_second:.1f} sentences/s")
    for name, value in result.metrics.items():
        if value is not None:
            print(f"{name:<20}{value:.3f}")
    return 0


def _print_spreads(title: str, spreads: dict[str, Spread]) -> None:
    """Mean and standard deviation of each measure over several trainings."""
    print(f"over {title}: mean, standard deviation")
    for name, spread in spreads.items():
        print(f"{name:<20}{spread.mean:.3f}  {spread.deviation:.3f}")


if __name__ == "__main__":
    main()
