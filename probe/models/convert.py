"""A GGUF file becomes a plain model folder: safetensors, configuration, tokenizer.

Called once per model by :mod:`probe.models.fetch`. ``transformers`` reads the GGUF and
dequantises its weights; this module puts right what a GGUF file cannot say (how the tokenizer
cuts text, which tokens end an answer) and checks that the folder written gives back the same
model and tokenizer.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from generators.errors import ModelError
from generators.progress import Progress
from probe.models.catalog import CatalogEntry, SplitRule
from probe.models.quiet import quiet_transformers
from probe.models.store import save_weights

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

__all__ = ["convert_gguf", "set_split_rule"]

# Digits one by one, runs of spaces whole, indentation, contractions, several scripts.
_PROBES = (
    "def f(x):\n    if x:\n        return [1, 2.50, -345]\n\n\treturn {'a': \"don't\"}\n",
    "x  =  12    34  # na\u00efve \u2603 \u6f22\u5b57 \U0001f388",
    " leading space and trailing space ",
)
_QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def convert_gguf(gguf: Path, target: Path, entry: CatalogEntry, progress: Progress) -> None:
    """Convert a GGUF file into a model folder that ``from_pretrained`` reads.

    Args:
        gguf: The file, which stays.
        target: An empty folder.
        entry: The model that the file is said to hold.
        progress: Shown by steps.

    Raises:
        ModelError: The file holds another model, or the tokenizer does not survive.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    progress.start(f"converting {entry.name}", 3)
    with quiet_transformers():
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
        _save_tokenizer(tokenizer, target, entry)
        progress.advance()
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent, gguf_file=gguf.name, dtype=torch.float32
        )
        progress.advance()
        _save_model(model, target, entry, tokenizer)
        progress.advance()
    progress.finish()


def set_split_rule(tokenizer: PreTrainedTokenizerFast, rule: SplitRule) -> None:
    """Give a byte-level tokenizer the text splitting that its vocabulary was trained with.

    A GGUF file names the rule; readers that do not know the name fall back on GPT-2's, under
    which ``"  12"`` becomes other tokens than the model was trained on.

    Source: the ``pre_tokenizer`` sections of the publishers' ``tokenizer.json``.
    """
    from tokenizers import Regex, normalizers, pre_tokenizers

    backend = tokenizer.backend_tokenizer
    if rule is SplitRule.SMOLLM:
        backend.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Digits(individual_digits=True),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
            ]
        )
    elif rule is SplitRule.QWEN2:
        backend.normalizer = normalizers.NFC()
        backend.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(_QWEN2_SPLIT), behavior="isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )


def _save_tokenizer(tokenizer: Any, target: Path, entry: CatalogEntry) -> None:
    """Write the tokenizer, read it back, and check both on texts that are easily broken."""
    from transformers import AutoTokenizer

    set_split_rule(tokenizer, entry.wheels.split_rule)
    tokenizer.save_pretrained(target)
    again = AutoTokenizer.from_pretrained(target)
    for text in _PROBES:
        ids = tokenizer(text)["input_ids"]
        plain = tokenizer(text, add_special_tokens=False)["input_ids"]
        if again(text)["input_ids"] != ids or again.decode(plain) != text:
            raise ModelError(f"the tokenizer of {entry.name} did not survive conversion: {text!r}")
    for name in ("eos_token_id", "bos_token_id", "pad_token_id", "chat_template"):
        if getattr(again, name) != getattr(tokenizer, name):
            raise ModelError(f"the tokenizer of {entry.name} lost its {name} in conversion")
    missing = [token for token in entry.end_tokens if len(_ids(again, token)) != 1]
    if missing:
        raise ModelError(f"the tokenizer of {entry.name} does not know the token {missing[0]}")


def _ids(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def _counts(model: Any) -> tuple[int, int]:
    """Number of weights, and the same without an output layer that is not the embedding.

    A model may tie the two while its GGUF file quantises them apart; the copies differ a little.
    """
    output, embedding = model.get_output_embeddings().weight, model.get_input_embeddings().weight
    count: int = model.num_parameters()
    return count, count - (0 if output is embedding else output.numel())


def _save_model(model: Any, target: Path, entry: CatalogEntry, tokenizer: Any) -> None:
    """Write weights and configuration without a trace of the quantised file."""
    import torch

    if entry.parameters not in _counts(model) or len(tokenizer) != model.config.vocab_size:
        raise ModelError(
            f"the file for {entry.name} holds {model.num_parameters()} weights and "
            f"{len(tokenizer)} tokens, not the model of the catalog"
        )
    model.hf_quantizer = None
    model.is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    vars(model.config).pop("_model_name_or_path", None)  # the title inside the GGUF file
    model.generation_config.eos_token_id = [_ids(tokenizer, token)[0] for token in entry.end_tokens]
    save_weights(model.to(getattr(torch, entry.wheels.stored_dtype)), target)
