"""``probe make-traces``: from a config to a trace file and its summary."""

from __future__ import annotations

from typing import Any

from generators.errors import UsageError
from generators.problems.sources import load_source
from generators.progress import Progress
from generators.trace_files import write_traces
from generators.tracing import TracePlan
from probe.config import MakeTracesConfig

__all__ = ["make_traces"]


def make_traces(config: MakeTracesConfig, *, progress: Progress | None = None) -> dict[str, Any]:
    """Write the trace file that ``config`` asks for and return its summary.

    Raises:
        ProbeError: The source cannot be had, the file holds other traces, or the sandbox failed.
    """
    capped = config.max_call_tokens or config.max_output_tokens
    if bool(config.tokenizer) != bool(capped):
        raise UsageError(
            "--tokenizer goes with --max-call-tokens or --max-output-tokens, and they with it"
        )
    source = load_source(
        config.source, data_dir=config.data.data_dir, accept_unknown=config.data.accept_unknown
    )
    count_tokens, tokenizer = None, ""
    if config.tokenizer:
        from probe.models.tokens import token_counter

        count_tokens, tokenizer = token_counter(config.tokenizer, progress=progress)
    plan = TracePlan(
        inputs=config.inputs,
        seed=config.seed,
        max_call_chars=config.max_call_chars,
        max_output_chars=config.max_output_chars,
        max_call_tokens=config.max_call_tokens,
        max_output_tokens=config.max_output_tokens,
        tokenizer=tokenizer,
        keep_exceptions=config.keep_exceptions,
        trace_lines=config.trace_lines,
    )
    summary = write_traces(
        config.out,
        source,
        config.split,
        plan,
        workers=config.data.workers,
        trust_programs=config.data.trust_programs,
        limit=config.limit,
        count_tokens=count_tokens,
        progress=progress,
    )
    return summary.to_json()
