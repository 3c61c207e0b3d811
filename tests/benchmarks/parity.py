"""Does plain ``transformers`` say what ``probe`` says? A stored run, asked again by the peer.

    python tests/benchmarks/parity.py RUN [--limit 100]

RUN is a finished greedy run of ``probe evaluate synthesis`` on a model of this machine, without
adapter and chat template. The peer is ``transformers``' own ``generate``, one prompt at a time,
with its own caches, stop strings and tokenizer calls, on the same weights in the same precision.
Each program of the peer is judged by a plain interpreter that runs it and its asserts as a script,
inside bubblewrap. Prints how many completions are the same character by character, how many
verdicts are where they are, and for each difference the place and how far apart the two likeliest
tokens are there.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from generators.problems.sources import load_source
from generators.progress import Quiet
from generators.records import Problem, Verdict
from generators.sandbox.launch import bubblewrap_path
from probe.extract import extract_code
from probe.models.catalog import Via
from probe.models.locate import locate_model
from probe.runs import read_run
from probe.statistics import wilson
from probe.tasks.questions import full_prompt


def peer_completions(
    folder: Path, prompts: Sequence[str], stop: Sequence[str], budget: int, dtype: str
) -> list[tuple[str, list[float]]]:
    """Complete prompts by ``generate``; with each, the gap of the two best logits by step."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()
    found = []
    for number, prompt in enumerate(prompts, 1):
        tokens = tokenizer(prompt, return_tensors="pt")
        with torch.inference_mode():
            output = model.generate(
                **tokens,
                do_sample=False,
                max_new_tokens=budget,
                stop_strings=list(stop),
                tokenizer=tokenizer,
                return_dict_in_generate=True,
                output_logits=True,
                pad_token_id=tokenizer.eos_token_id,
            )
        new = output.sequences[0, tokens["input_ids"].shape[1] :]
        text = tokenizer.decode(new, skip_special_tokens=True)
        for mark in stop:
            text = text.split(mark, 1)[0]
        gaps = []
        for logits in output.logits:
            best = torch.topk(logits[0].float(), 2).values
            gaps.append(float(best[0] - best[1]))
        found.append((text, gaps))
        print(f"\r{number}/{len(prompts)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return found


def plain_verdict(code: str, problem: Problem) -> bool:
    """Run a program and its asserts as a script; whether it ends well is the verdict."""
    script = "\n".join([code, problem.test_setup_code, *problem.test_list])
    bwrap = bubblewrap_path()
    inside = [] if bwrap is None else [bwrap, "--unshare-all", "--ro-bind", "/", "/", "--tmpfs"]
    inside += [] if bwrap is None else ["/tmp", "--die-with-parent", "--"]
    try:
        done = subprocess.run(
            [*inside, sys.executable, "-I", "-"],
            input=script,
            text=True,
            capture_output=True,
            timeout=20,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare a run with the peer and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--data-dir", type=Path)
    options = parser.parse_args(arguments)
    run = read_run(options.run)
    identity = run.manifest["identity"]
    config, model = identity["config"], identity["model"]
    if identity["verb"] != "evaluate synthesis" or config["decoding"] != "greedy":
        parser.error("RUN is no greedy run of probe evaluate synthesis")
    if model["adapter"] or config["chat_template"] != "none":
        parser.error("RUN has an adapter or a chat template")
    source = load_source(identity["inputs"]["source"]["name"], data_dir=options.data_dir)
    problems = {problem.task_id: problem for problem in source.problems}
    rows = run.samples[: options.limit]
    located = locate_model(model["spec"], via=Via.AUTO, accept_licence=True, progress=Quiet())
    start = time.monotonic()
    answers = peer_completions(
        located.folder,
        [full_prompt(row, identity) for row in rows],
        config["stop"],
        config["max_new_tokens"],
        model["dtype"],
    )
    spent = time.monotonic() - start
    same, verdicts = 0, 0
    for row, (text, gaps) in zip(rows, answers, strict=True):
        if text == row["completion"]:
            same += 1
            passes = plain_verdict(extract_code(text).text, problems[row["task_id"]])
            verdicts += passes is (row["verdict"] == Verdict.PASS)
            if passes is not (row["verdict"] == Verdict.PASS):
                print(f"task {row['task_id']}: verdict {row['verdict']}, plain Python: {passes}")
            continue
        print(_difference(row, text, gaps))
    share = wilson(same, len(rows))
    print(
        f"{model['name']}, {len(rows)} tasks, {config['shots']} shots, greedy, {model['dtype']}: "
        f"{same} completions the same ({share.estimate:.1%} [{share.low:.1%}, {share.high:.1%}]), "
        f"{verdicts} of {same} verdicts the same where they are; peer {spent:.0f} s"
    )


def _difference(row: dict[str, Any], text: str, gaps: list[float]) -> str:
    ours = row["completion"]
    pairs = zip(ours, text, strict=False)
    place = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(ours), len(text)))
    return (
        f"task {row['task_id']}: from character {place}: {ours[place : place + 30]!r}, peer "
        f"{text[place : place + 30]!r}; smallest gap of two logits on the way "
        f"{min(gaps, default=float('nan')):.2g}"
    )


if __name__ == "__main__":
    main()
