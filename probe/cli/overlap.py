"""``probe overlap``: how much of the reference programs stands in other text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from generators.records import Split
from probe.cli.options import AcceptUnknown, DataDir, Json, Quiet
from probe.terminal import display, show

__all__ = ["overlap"]


def overlap(
    source: Annotated[str, typer.Option(help="mbpp, mbpp-sanitized, basics, or a file.")] = "mbpp",
    split: Annotated[Split | None, typer.Option(help="Only problems of this split.")] = None,
    against: Annotated[
        Path | None,
        typer.Option(help="File or folder of text or code; else the other splits of the source."),
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Write the histogram to this SVG file.")
    ] = None,
    data_dir: DataDir = None,
    accept_unknown_data: AcceptUnknown = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Tell how many lines of each reference stand elsewhere, as the paper's overlap analysis does.

    Example: probe overlap --source mbpp --split test --against corpus/
    """
    from probe.overlap import overlap_lines, overlap_report, write_histogram

    with display(quiet=quiet):
        found = overlap_report(
            source,
            split=split,
            against=against,
            data_dir=data_dir,
            accept_unknown=accept_unknown_data,
        )
        if picture is not None:
            write_histogram(found, picture)
    show(found, overlap_lines(found), as_json=as_json)
