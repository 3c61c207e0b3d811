"""The command line: parse options into one config, make one call, print one summary.

Here are the commands that read runs, quickstart, and how a command ends. ``make-traces`` and
``grade`` stand in :mod:`probe.cli.runs`, ``data``, ``models`` and ``doctor`` in
:mod:`probe.cli.catalog`, and each other command in a module of its name; those below ``probe
evaluate`` are gathered in :mod:`probe.cli.evaluate`. Heavy modules are imported inside the
commands, so that ``--help`` answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from generators.errors import EXIT_BAD_INPUT, EXIT_DIFFERENCE, EXIT_INTERRUPTED
from probe.cli import catalog
from probe.cli import runs as run_commands
from probe.cli.analyse import analyse
from probe.cli.compare import compare
from probe.cli.options import (
    AcceptLicence,
    DataDir,
    Device,
    Dtype,
    Json,
    Model,
    Quiet,
    Seed,
    TrustPrograms,
    Workers,
)
from probe.cli.overlap import overlap
from probe.cli.replay import replay
from probe.cli.serve import dialog
from probe.config import DataOptions, ModelOptions, QuickstartConfig
from probe.terminal import describe_failure, display, show, show_error

__all__ = ["app", "main"]

app = typer.Typer(
    name="probe",
    help=(
        "Does a code model understand what a program does? Traces, LoRA fine-tuning, what models "
        "predict, write and repair, reports."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        show({}, [f"probe {version('execution-probe')}"], as_json=False)
        raise typer.Exit


@app.callback()
def _every_command(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


run_commands.register(app)

_QUICK = QuickstartConfig(out=Path())


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(help="Run folders and trace files, in any order.")],
    out: Annotated[Path, typer.Option(help="Report folder.")],
    shown: Annotated[
        int | None,
        typer.Option(
            "--show",
            min=1,
            help="So many samples of each part can be opened in the page; else 600 predicted "
            "outputs and 100 of each other kind.",
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write index.html, report.md and results.json from runs, and keep the runs beside them.

    Example: probe report runs/tuned runs/before runs/after --out reports/mine
    """
    from probe.report.bundle import write_report

    with display(quiet=quiet) as bars:
        summary = write_report(runs, out, shown=shown, progress=bars)
    show(
        {"report": str(summary.index), "headlines": list(summary.headlines)},
        [*summary.headlines, f"report: {summary.index}"],
        as_json=as_json,
    )


@app.command()
def front(
    folder: Annotated[Path, typer.Argument(help="Folder of reports, each with its runs.")],
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write index.html and index.md over several reports: their models side by side.

    Example: probe front reports
    """
    from probe.report.front import FRONT_FILES, write_front
    from probe.report.numbers import count

    with display(quiet=quiet):
        made = write_front(folder)
    page = folder / FRONT_FILES[0]
    show(
        {"page": str(page), "reports": [report.name for report in made.reports]},
        [f"{count(len(made.reports), 'report')}: {page}"],
        as_json=as_json,
    )


@app.command()
def bundle(
    runs: Annotated[list[Path], typer.Argument(help="Run folders, or one report with its runs.")],
    out: Annotated[Path, typer.Option(help="The archive, something.tar.gz.")],
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Pack report, runs, environment and commands into one archive, which verify takes.

    Example: probe bundle reports/mine --out mine.tar.gz
    """
    from probe.archive import bundle as pack

    with display(quiet=quiet) as bars:
        names = pack(runs, out, progress=bars)
    show({"archive": str(out), "files": names}, [f"{len(names)} files: {out}"], as_json=as_json)


@app.command()
def verify(
    path: Annotated[Path, typer.Argument(help="A run, a report, a front page, or an archive.")],
    skip_programs: Annotated[
        bool, typer.Option("--skip-programs", help="Do not run programs again.")
    ] = False,
    workers: Workers = 2,
    data_dir: DataDir = None,
    trust_programs: TrustPrograms = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Recompute every number from the stored samples, and run programs again in the sandbox.

    Exit 1 on any difference. What could not be checked is said, with the reason.

    Example: probe verify reports/smollm2-135m
    """
    from probe.verification import verify_lines
    from probe.verify import verify as run

    data = DataOptions(data_dir=data_dir, workers=workers, trust_programs=trust_programs)
    with display(quiet=quiet):
        found = run(path, data=data, rerun=not skip_programs)
    ok = all(part.ok for part in found)
    lines = verify_lines(found)
    show({"ok": ok, "parts": [part.to_json() for part in found]}, lines, as_json=as_json)
    if not ok:
        raise typer.Exit(EXIT_DIFFERENCE)


app.command()(analyse)
app.command()(overlap)
app.command()(replay)
app.command()(compare)
app.add_typer(dialog, name="dialog")


@app.command()
def quickstart(
    out: Annotated[Path, typer.Option(help="Folder for traces, runs and report.")],
    model: Model = "smollm2-135m",
    steps: Annotated[int, typer.Option(min=1, help="Training steps.")] = _QUICK.steps,
    items: Annotated[int, typer.Option(min=1, help="Held-out items.")] = _QUICK.items,
    seed: Seed = 0,
    workers: Workers = 2,
    device: Device = "auto",
    dtype: Dtype = "auto",
    accept_licence: AcceptLicence = False,
    trust_programs: TrustPrograms = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Do the whole job, small: traces, LoRA, before and after, baselines, report.

    Example: probe quickstart --out demo
    """
    from probe.quickstart import quickstart as run

    config = QuickstartConfig(
        out=out,
        model=ModelOptions(model=model, device=device, dtype=dtype, accept_licence=accept_licence),
        data=DataOptions(workers=workers, trust_programs=trust_programs),
        steps=steps,
        items=items,
        seed=seed,
    )
    with display(quiet=quiet) as bars:
        summary = run(config, progress=bars)
    show(
        {"report": str(summary.index), "headlines": list(summary.headlines)},
        [*summary.headlines, f"report: {summary.index}"],
        as_json=as_json,
    )


catalog.register(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    sys.exit(_run(list(sys.argv[1:] if arguments is None else arguments)))


def _run(arguments: list[str]) -> int:
    known: tuple[str, int] | None
    try:
        code: Any = app(args=arguments, prog_name="probe", standalone_mode=False)
    except typer.Abort:
        known = describe_failure(KeyboardInterrupt())
    except (Exception, KeyboardInterrupt) as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help, in lines
            sys.stderr.write(f"{error.format_message()}\n")  # type: ignore[union-attr]
            return EXIT_BAD_INPUT
        known = describe_failure(error) or _bad_usage(error)
        if known is None:
            raise
    else:
        if code != EXIT_INTERRUPTED:
            return code if isinstance(code, int) else 0
        known = describe_failure(KeyboardInterrupt())  # typer has made an exit of it
    text, exit_code = known if known else ("", EXIT_BAD_INPUT)
    show_error(text)
    return exit_code


def _bad_usage(error: BaseException) -> tuple[str, int] | None:
    """Line and exit code of a wrong option; its class has two homes, by typer's version."""
    say = getattr(error, "format_message", None)
    command = getattr(getattr(error, "ctx", None), "command_path", "probe")
    return (f"{say()} (see {command} --help)", EXIT_BAD_INPUT) if say else None
