"""Arrows between the parts point one way, and heavy libraries are imported in their own places."""

from __future__ import annotations

from collections.abc import Iterable
from graphlib import TopologicalSorter

import pytest

LAYERS = (
    {"checksums", "cost", "extract", "manifest", "numbering", "progress", "prompts", "statistics"},
    {
        "conversation",
        "metrics",
        "reply",
        "runs",
        "scratchpad",
        "step_prompts",
        "terminal",
        "verification",
    },
    {"analysis", "models"},
    {"config"},
    {"tasks"},
    {"training"},
    {"report", "summaries"},
    {"archive", "compare", "named_hashes", "overlap", "page", "quickstart", "replay"},
    {"verify"},
    {"cli"},
    {"__main__"},
)
"""The parts of ``probe`` from the lowest up; each imports only itself and what stands below."""

DEFAULTS_BESIDE_THEIR_TASK = {
    ("probe.config.dialog", "probe.tasks.dialog.givers"),
    ("probe.config.execution", "probe.tasks.held_out"),
    ("probe.config.execution", "probe.tasks.positions"),
    ("probe.config.finetune", "probe.tasks.held_out"),
    ("probe.config.finetune", "probe.tasks.mathqa.prompts"),
    ("probe.config.finetune", "probe.training.settings"),
    ("probe.config.programs", "probe.tasks.mathqa.prompts"),
}
"""The only arrows that point up: an option's type and default stand where they are explained."""

HOMES = {
    ("torch", "transformers", "peft", "accelerate", "safetensors", "openai"): (
        "probe.models",
        "probe.training",
    ),
    ("hypothesis",): ("generators.strategies",),
    ("typer", "click"): ("probe.cli",),
    ("rich",): ("probe.cli", "probe.progress"),
}
"""Libraries, and the modules and packages that alone import them."""


def under(module: str, packages: Iterable[str]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in packages)


def part(module: str) -> str:
    """Return the part of its package that a module belongs to; the package itself has none."""
    return module.partition(".")[2].partition(".")[0]


def test_generators_do_not_know_probe(imported: dict[str, set[str]]) -> None:
    assert not [
        (module, name)
        for module, names in imported.items()
        for name in names
        if under(module, ["generators"]) and under(name, ["probe"])
    ]


def test_every_part_of_probe_has_a_layer(modules: dict[str, object]) -> None:
    layered = [name for layer in LAYERS for name in layer]
    assert sorted(layered) == sorted({part(m) for m in modules if under(m, ["probe"])} - {""})


def test_arrows_between_the_parts_of_probe_point_down(imported: dict[str, set[str]]) -> None:
    height = {name: level for level, layer in enumerate(LAYERS) for name in layer}
    wrong = {
        (module, name)
        for module, names in imported.items()
        for name in names
        if under(module, ["probe"]) and under(name, ["probe"]) and part(module) != part(name)
        if height[part(name)] >= height[part(module)]
    }
    assert wrong == DEFAULTS_BESIDE_THEIR_TASK


def test_what_config_takes_from_above_does_not_need_config(imported: dict[str, set[str]]) -> None:
    for _, module in DEFAULTS_BESIDE_THEIR_TASK:
        reached, todo = set(), {module}
        while todo:
            reached |= todo
            todo = {name for one in todo for name in imported.get(one, ())} - reached
        assert not [name for name in reached if under(name, ["probe.config"])], module


def test_arrows_between_the_parts_of_generators_make_no_circle(
    imported: dict[str, set[str]],
) -> None:
    parts: dict[str, set[str]] = {}
    for module, names in imported.items():
        if under(module, ["generators"]):
            below = {part(name) for name in names if under(name, ["generators"])}
            parts.setdefault(part(module), set()).update(below - {part(module)})
    TopologicalSorter(parts).prepare()  # a circle is an error
    assert parts["errors"] == set()
    assert parts["records"] == {"errors"}


@pytest.mark.parametrize("libraries", HOMES, ids="-".join)
def test_libraries_are_imported_in_their_homes_only(
    libraries: tuple[str, ...], imported: dict[str, set[str]]
) -> None:
    users = {
        module for module, names in imported.items() if any(under(n, libraries) for n in names)
    }
    assert users
    assert not {module for module in users if not under(module, HOMES[libraries])}
