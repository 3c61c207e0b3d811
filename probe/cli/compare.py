"""``probe compare``: two runs on the same items, paired."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from probe.cli.options import Json, Quiet
from probe.terminal import display, show

__all__ = ["compare"]


def compare(
    first: Annotated[Path, typer.Argument(help="The run that is compared with.")],
    second: Annotated[Path, typer.Argument(help="The run whose change is asked for.")],
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare two matched runs item by item; refuse others and name the field.

    Example: probe compare runs/base-3-shot runs/tuned-0-shot
    """
    from probe.compare import compare_lines, compare_runs

    with display(quiet=quiet):
        found = compare_runs(first, second)
    show(found.to_json(), compare_lines(found), as_json=as_json)
