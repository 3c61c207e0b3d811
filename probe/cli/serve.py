"""``probe dialog serve``: a page on this machine where people give feedback to a model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from generators.errors import UsageError
from generators.records import Split
from probe.cli.asking import Asking, asks_model
from probe.cli.options import ContextTokens, MaxNewTokens, Workers
from probe.config import DialogConfig
from probe.terminal import display

__all__ = ["dialog"]

dialog = typer.Typer(help="Let people give feedback to a model.", no_args_is_help=True)

_DIALOG = DialogConfig(out=Path())


@dialog.callback()
def _dialog() -> None:
    """Let people give feedback to a model; `probe evaluate dialog` does without a page."""


@dialog.command()
@asks_model
def serve(
    *,
    sessions: Annotated[Path, typer.Option(help="Folder of the sessions, each a run folder.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: one that is free.")] = 0,
    source: Annotated[
        str, typer.Option(help="mbpp-sanitized, mbpp, basics, or a file in MBPP's schema.")
    ] = _DIALOG.source,
    split: Annotated[Split, typer.Option(help="Which problems.")] = _DIALOG.split,
    problems: Annotated[int, typer.Option(min=1, help="So many, drawn.")] = _DIALOG.problems,
    turns: Annotated[
        int, typer.Option(min=1, help="At most so many feedbacks a problem.")
    ] = _DIALOG.turns,
    resample: Annotated[
        bool, typer.Option(help="Also try again without feedback, as often, to compare with.")
    ] = _DIALOG.resample,
    max_new_tokens: MaxNewTokens = _DIALOG.max_new_tokens,
    context_tokens: ContextTokens = None,
    workers: Workers = 2,
    asking: Asking,
) -> None:
    """Open a local page where people read a failing program and say what is wrong with it.

    The page is for this machine alone; from elsewhere, reach it through `ssh -L`. Each session
    is a run folder: it can be left and gone on with, reported, verified, and replayed.

    Example: probe dialog serve --model qwen2.5-coder-1.5b --sessions runs/people
    """
    from probe.tasks.adapters import BASE
    from probe.tasks.asking import open_model

    try:
        from probe.page.app import make_app, make_token
        from probe.page.server import serve_until_interrupted
        from probe.page.sessions import Sessions
    except ImportError:
        raise UsageError("the page needs Flask: pip install 'flask>=3.0'") from None
    if len(asking.adapters) > 1:
        raise UsageError("a page has one model: give one --adapter")
    if asking.as_json:
        raise UsageError("--json goes with commands that give results; this one serves a page")
    config = DialogConfig(
        out=sessions,
        source=source,
        split=split,
        problems=problems,
        turns=turns,
        resample=resample,
        max_new_tokens=max_new_tokens,
        context_tokens=context_tokens,
        **{**asking.running(workers), "batch_invariance_items": 0},
    )
    (adapter,) = asking.adapters
    with display(quiet=asking.quiet) as bars:
        generator = open_model(config.model, progress=bars)(
            None if adapter == BASE else Path(adapter)
        )
    everybody = Sessions(sessions, config, generator)
    about = {
        "Model": str(generator.identity.get("name")),
        "Problems": f"{problems} of {source}, {split} split",
        "Feedbacks": f"at most {turns} a problem",
    }
    token = make_token()
    app = make_app(everybody, token, about)

    def ready(address: str) -> None:
        sys.stdout.write(f"open {address}{token}/ in a browser; Ctrl-C ends\n")
        sys.stdout.flush()

    serve_until_interrupted(app, port, ready)
    everybody.close()
