"""What the report shows of a throughput record's results; see :mod:`benchmarks.throughput.run` for their form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.record import Table

_MIB = 2**20


def tables(results: Mapping[str, Any]) -> tuple[Table, ...]:
    """All tables for which there is something to show."""
    shown = [_systems(results), _agreement(results), _split(results), _waiting(results)]
    scaling = results["scaling"]
    for key, title, column in (
        ("threads", "Threads", "threads"),
        ("token_budgets", "Batch size", "tokens in a batch"),
        ("lengths", "Sentence length", "tokens of a sentence"),
    ):
        shown.append(_scaling(scaling.get(key, ()), title, column))
    shown += [
        _corpus(scaling.get("corpus", ()), "Corpus size", "Documents of 20 sentences, streamed and cut; all steps."),
        _corpus(
            scaling.get("stand_in", ()),
            "Corpus size, everything but the model",
            "The engine repeats the logits of batches of the same shape, so that this is the cost of reading, cutting, "
            "encoding, batching, decoding and of records alone. Not a figure of labelling.",
        ),
    ]
    return tuple(table for table in shown if table.rows)


def _systems(results: Mapping[str, Any]) -> Table:
    baselines = list(dict.fromkeys(name for system in results["systems"] for name in system["ratios"]))
    titles = {system["name"]: system["title"] for system in results["systems"]}
    columns = (
        "system",
        "sentences/s",
        "tokens/s",
        *(f"× {titles[name]}" for name in baselines),
        "share of limit",
        "peak memory, MiB",
    )
    rows = tuple(
        (
            system["title"],
            _interval(system["sentences_per_second"]),
            f"{system['tokens_per_second']['median']:,.0f}",
            *(_interval(system["ratios"][name], digits=2) for name in baselines),
            _percent(system["share_of_limit"]),
            _mebibytes(system["peak_memory"]),
        )
        for system in results["systems"]
    )
    return Table("Systems", columns, rows, _systems_note(results))


def _systems_note(results: Mapping[str, Any]) -> str:
    corpus = results["corpus"]
    rounds = len(results["systems"][0]["rounds"])
    note = (
        f"All heads on, from strings to labels; each system in a process of its own, {rounds} rounds in turn, medians "
        "with bootstrap intervals; ratios are of the same rounds. Tokens are counted as the model reads them, with "
        f"special tokens and without padding. Sentences: {corpus['sentences']:,} ({corpus['origin']}), of "
        f"{corpus['tokens_p5']:g}, {corpus['tokens_p50']:g} and {corpus['tokens_p95']:g} tokens (5th, 50th, 95th "
        f"percentile), mean {corpus['tokens_mean']:g}."
    )
    limit = results["limit"]
    if limit:
        gflops = _interval(limit["flops_per_second"], scale=1e-9, digits=1)
        description = limit["description"]
        note += (
            f" The machine's limit: {gflops} GFLOP/s of {description['precision']} matrix products of the model's "
            f"shapes ({description['library']}, {description['rows']} rows, {description['threads']} threads), "
            "measured in the same rounds; the share counts the operations that the model needs, padding left out."
        )
        rates = {name: limit[name] for name in limit if name.startswith("bytes_per_second")}
        for name, rate in rates.items():
            note += (
                f" Copies {name.removeprefix('bytes_per_second_').replace('_', ' ')}: {rate['median'] / 1e9:.1f} GB/s."
            )
    for name, reason in results["skipped"].items():
        note += f" Not measured: {name} ({reason})."
    return note


def _agreement(results: Mapping[str, Any]) -> Table:
    compared = [system for system in results["systems"] if system["agreement"]]
    rows = tuple(
        (
            system["title"],
            f"{system['agreement']['sentences']:,}",
            f"{system['agreement']['largest_difference']:.6f}",
            f"{system['agreement']['differing']:,}",
        )
        for system in compared
    )
    columns = ("system", "sentences", "largest difference of a probability", "sentences with another label")
    titles = {system["name"]: system["title"] for system in results["systems"]}
    reference = titles.get(results["reference"], results["reference"])
    note = f"Against {reference}; labels are the sets of frames and hedges, and the kind."
    return Table("Label agreement", columns, rows, note)


def _split(results: Mapping[str, Any]) -> Table:
    steps = ("tokenise", "model", "decode", "records")
    rows = []
    for row in results["split"]:
        whole = sum(row[step] for step in steps)
        rows.append((row["title"], *(f"{row[step] / whole:.1%}" for step in steps)))
    return Table(
        "Where the time goes",
        ("system", *steps),
        tuple(rows),
        "Steps timed one after the other; in a stream they overlap. Text to token ids; these to logits, batching "
        "included; logits to spans and probabilities, in columns; what a call of the labeler does beside these.",
    )


def _waiting(results: Mapping[str, Any]) -> Table:
    latencies = {row["name"]: row for row in results["latency"]}
    starts = {row["name"]: row for row in results["cold_start"]}
    titles = {row["name"]: row["title"] for row in (*results["latency"], *results["cold_start"])}
    rows = tuple(
        (
            title,
            *_two_latencies(latencies.get(name)),
            _interval(starts[name]["seconds"], digits=2) if name in starts else "–",
            ("yes" if starts[name]["loads_torch"] else "no") if name in starts else "–",
        )
        for name, title in titles.items()
    )
    columns = ("system", "one sentence, p50, ms", "p99, ms", "cold start, s", "loads torch")
    return Table("Latency and cold start", columns, rows, _waiting_note(results))


def _two_latencies(row: Mapping[str, float] | None) -> tuple[str, str]:
    return ("–", "–") if row is None else (f"{row['p50'] * 1e3:.1f}", f"{row['p99'] * 1e3:.1f}")


def _waiting_note(results: Mapping[str, Any]) -> str:
    note = "Cold start: from the start of Python in a fresh process to the first sentence's label."
    for row in results["latency"][:1]:
        note = f"Single sentences: n = {row['n']}, one after the other, after warm-up. " + note
    if results["imports"]:
        milliseconds = _interval(results["imports"]["seconds"], scale=1e3, digits=0)
        count = f"n = {len(results['imports']['bare'])} fresh processes"
        note += f" `import framing` takes {milliseconds} ms ({count}, a bare Python's start taken off)."
    return note


def _scaling(rows: Sequence[Mapping[str, Any]], title: str, column: str) -> Table:
    columns = (column, "sentences/s", "tokens/s", "peak memory, MiB")
    cells = tuple(
        (
            str(row["value"]),
            _interval(row["sentences_per_second"]),
            _interval(row["tokens_per_second"]),
            _mebibytes(row["peak_memory"]),
        )
        for row in rows
    )
    return Table(title, columns, cells, rows[0]["title"] + ", in turn." if rows else "")


def _corpus(rows: Iterable[Mapping[str, Any]], title: str, note: str) -> Table:
    cells = tuple(
        (
            f"{row['sentences']:,}",
            f"{row['seconds']:,.1f}",
            f"{row['microseconds_per_sentence']:,.0f}",
            _mebibytes(row["peak_memory"]),
        )
        for row in rows
    )
    return Table(title, ("sentences", "seconds", "µs a sentence", "peak memory, MiB"), cells, note)


def _interval(estimate: Mapping[str, float | None], *, scale: float = 1, digits: int = 0) -> str:
    """The median and, in brackets, the interval."""
    median, *ends = (f"{value * scale:,.{digits}f}" for value in estimate.values() if value is not None)
    return f"{median} [{', '.join(ends)}]" if ends else median


def _percent(estimate: Mapping[str, float] | None) -> str:
    return "–" if estimate is None else f"{estimate['median']:.0%}"


def _mebibytes(size: int | None) -> str:
    return "–" if size is None else f"{size / _MIB:,.0f}"
