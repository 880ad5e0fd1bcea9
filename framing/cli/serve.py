"""``framing serve``: the labeler behind HTTP, for one machine or behind a proxy."""

from __future__ import annotations

import ipaddress
from functools import partial
from typing import Annotated

import typer

from framing.cli import _options as options
from framing.cli._errors import reporting_errors
from framing.cli._terminal import Console
from framing.service.limits import Limits

_limit = partial(typer.Option, rich_help_panel="Limits")
_DEFAULTS = Limits()


@reporting_errors()
def serve_command(
    host: Annotated[str, typer.Option(help="Where to listen; 0.0.0.0 for all networks of this machine.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = 8000,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
    max_body: Annotated[int, _limit(min=1, help="Bytes of a request's body.")] = _DEFAULTS.body,
    max_documents: Annotated[int, _limit(min=1, help="Documents of a request.")] = _DEFAULTS.documents,
    max_characters: Annotated[int, _limit(min=1, help="Characters of a document.")] = _DEFAULTS.characters,
    max_sentences: Annotated[int, _limit(min=1, help="Sentences of a request.")] = _DEFAULTS.sentences,
    queue: Annotated[
        int, _limit(min=1, help="Requests for labels in work at the same time; further ones are told to come again.")
    ] = _DEFAULTS.requests,
    timeout: Annotated[float, _limit(min=0.001, help="Seconds that a request may take.")] = _DEFAULTS.seconds,
    wait: Annotated[
        float, _limit(min=0, help="Milliseconds that a document waits for others, to be labelled with them.")
    ] = _DEFAULTS.wait * 1000,
    model: options.Model = "shipped",
    engine: options.Engine = "auto",
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    threads: options.Threads = None,
    token_budget: options.TokenBudget = None,
    codebook: options.CodebookName = None,
) -> None:
    """Label what is sent by HTTP, and what is pasted into a page of the browser. Ctrl-C ends it."""
    from framing.labeler import load
    from framing.service.run import address_of, bind, check_installed, serve

    check_installed()
    limits = Limits(max_body, max_documents, max_characters, max_sentences, queue, timeout, wait / 1000)
    console = Console(stderr=True, highlight=False)
    with (
        bind(host, port) as taken,
        load(
            model,
            engine=engine,
            device=device,
            precision=precision,
            threads=threads,
            token_budget=token_budget,
            codebook=codebook,
        ) as labeler,
    ):
        address = address_of(taken)

        def say() -> None:
            if quiet:
                return
            console.print(f"{labeler.checkpoint.folder.name} answers on {address}", soft_wrap=True, markup=False)
            if not ipaddress.ip_address(taken.getsockname()[0].partition("%")[0]).is_loopback:
                console.print(
                    "Note: whoever reaches this address can use it; there is no password and no encryption",
                    style="yellow",
                    soft_wrap=True,
                )

        serve(labeler, taken, limits, on_start=say)
