"""How code is written: frozen records, explicit seeds, UTF-8."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

RECORD = {"frozen=True", "slots=True", "kw_only=True"}
WORKING_STATE = {
    "generators.candidates.Candidate",  # what became of a call so far
    "probe.models.lanes.Unit",  # how far a prompt is computed
    "probe.models.prefixes.PrefixNode",  # a tree while it is built
    "probe.models.ragged.Pass",  # tensors that are used up
    "probe.models.states.Span",  # a KV cache and who still needs it
    "probe.tasks.dialog.results._Dialog",  # samples of a problem, collected
    "probe.training.attention.Layout",  # masks that are made when first asked for
    "probe.training.packing.Row",  # a row that is filled
}
"""Dataclasses that are no records: something changes them, in one place, while it works."""

WITHOUT_A_GENERATOR = {
    "probe.models.server_line": {"random"},  # how long a refused request waits
    "probe.page.app": {"secrets.token_urlsafe"},  # a key that nobody shall guess
    "probe.training.adapter": {  # PEFT draws LoRA's matrices from the global generators
        "np.random.seed",
        "random.seed",
        "torch.manual_seed",
    },
}
"""The only modules that use the generators of the process; no result hangs on the first two."""

GENERATORS = {"Generator", "Random", "SeedSequence", "default_rng"}
GLOBAL_STATE = ("random", "np.random", "numpy.random")
TORCH_DRAWS = {"rand", "randn", "randint", "randperm", "multinomial", "normal", "bernoulli"}
BINARY = re.compile("'[rwax+]*b[+]?'")
TEXT = {"open", "read_text", "write_text", "fdopen", "TextIOWrapper", "NamedTemporaryFile"}


def calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    """Yield every call with the text of what is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def test_records_are_frozen_and_named_by_field(modules: dict[str, ast.Module]) -> None:
    others = {
        f"{module}.{node.name}"
        for module, tree in modules.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for how in node.decorator_list
        if "dataclass" in ast.unparse(how)
        if not isinstance(how, ast.Call) or RECORD - set(map(ast.unparse, how.keywords))
    }
    assert others == WORKING_STATE


def test_working_state_is_not_frozen(modules: dict[str, ast.Module]) -> None:
    """Else the list above would be a way round the rule."""
    assert not [
        node.name
        for module, tree in modules.items()
        for node in tree.body
        if isinstance(node, ast.ClassDef) and f"{module}.{node.name}" in WORKING_STATE
        if "frozen" in " ".join(map(ast.unparse, node.decorator_list))
    ]


def draws_from_the_process(tree: ast.Module) -> Iterator[str]:
    """Yield the calls that use a generator which nobody handed over, or one without a seed."""
    by_name = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in (*GLOBAL_STATE, "secrets")
        for alias in node.names
        if alias.name not in GENERATORS
    }
    for called, call in calls(tree):
        package, _, name = called.rpartition(".")
        if (
            called in by_name
            or called in ("torch.manual_seed", "torch.seed", "torch.cuda.manual_seed_all")
            or (package in GLOBAL_STATE and name not in GENERATORS)
            or (name in GENERATORS - {"Generator"} and not call.args + call.keywords)
            or (
                package in ("torch", "torch.nn.init")
                and name in TORCH_DRAWS
                and "generator" not in {keyword.arg for keyword in call.keywords}
            )
            or package == "secrets"
            or name in ("set_seed", "enable_full_determinism", "urandom", "uuid4")
        ):
            yield called


def test_randomness_takes_an_explicit_seed(modules: dict[str, ast.Module]) -> None:
    found = {module: set(draws_from_the_process(tree)) for module, tree in modules.items()}
    assert {module: called for module, called in found.items() if called} == WITHOUT_A_GENERATOR


def test_text_is_utf_8(modules: dict[str, ast.Module]) -> None:
    unsaid = []
    for module, tree in modules.items():
        for called, call in calls(tree):
            package, _, name = called.rpartition(".")
            words = {word.arg: ast.unparse(word.value) for word in call.keywords}
            modes = [ast.unparse(argument) for argument in call.args] + [words.get("mode", "")]
            text = name in TEXT and package not in ("os", "tarfile", "archive")
            text &= not any(BINARY.fullmatch(mode) for mode in modes)
            text |= package == "subprocess" and bool(words.keys() & {"text", "universal_newlines"})
            if text and words.get("encoding") != "'utf-8'":
                unsaid.append(f"{module}:{call.lineno}: {ast.unparse(call)}")
    assert not unsaid
