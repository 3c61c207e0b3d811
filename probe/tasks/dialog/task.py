"""The dialog side: a model that fails gets feedback and tries again, turn by turn.

``evaluate_dialog`` asks all open problems of a turn together, runs their tests while the model
goes on, lets the giver speak about those that failed, and writes a run folder. Called by the
command line; numbers are derived in :mod:`probe.tasks.dialog.results`.

Source: paper, section 5. Its conversations are with people; automatic givers are named as such.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from generators.errors import UsageError
from generators.problems.sources import load_source
from generators.progress import Progress, Quiet
from generators.sandbox.policy import choose_backend
from probe.config import DialogConfig
from probe.runs import RESULTS, RunWriter
from probe.tasks.asking import MakeGenerator, open_model
from probe.tasks.dialog.critic import ModelFeedback
from probe.tasks.dialog.feedback import (
    ExecutionFeedback,
    FeedbackGiver,
    HumanFeedback,
    Person,
    RecordedFeedback,
)
from probe.tasks.dialog.givers import Giver
from probe.tasks.dialog.holding import Dialogs
from probe.tasks.dialog.recording import FEEDBACK_FILE, write_feedback
from probe.tasks.dialog.results import dialog_results
from probe.tasks.grading import self_test
from probe.tasks.items import choose_problems

if TYPE_CHECKING:
    from probe.models.text import TextGenerator

__all__ = ["evaluate_dialog"]


def evaluate_dialog(
    config: DialogConfig,
    make_generator: MakeGenerator,
    *,
    progress: Progress | None = None,
    person: Person | None = None,
) -> dict[str, Any]:
    """Run (or resume) dialogs and return the results document.

    Args:
        config: Which problems, whose feedback, how many turns.
        make_generator: Loads the model; called after the inputs were checked.
        progress: Display of the replies done.
        person: Who gives human feedback.

    Raises:
        ProbeError: An input cannot be used, ``config.out`` holds another run, or the sandbox
            failed.
    """
    source = load_source(
        config.source, data_dir=config.data.data_dir, accept_unknown=config.data.accept_unknown
    )
    problems = choose_problems(source.split(config.split), seed=config.seed, limit=config.problems)
    if not problems:
        raise UsageError(f"source {source.name} has no problem in the split {config.split}")
    known = _known_giver(config, person)
    if not (config.out / RESULTS).is_file():
        choose_backend(trust_programs=config.data.trust_programs)  # before the model is loaded
        self_test(trust_programs=config.data.trust_programs)
    generator = make_generator()
    giver = known or _model_giver(config, generator)
    dialogs = Dialogs(config, problems, generator, giver, progress or Quiet())
    identity = dialogs.identity(source.manifest())
    with RunWriter(config.out, identity) as run:
        try:
            keys = dialogs.hold(run)
        finally:  # what a person typed can be replayed also if they left
            write_feedback(config.out / FEEDBACK_FILE, list(run.done.values()))
        samples = [run.done[key] for key in keys]
        write_feedback(config.out / FEEDBACK_FILE, samples)  # in the order of the samples
        return run.finish(dialog_results(samples), keys)


def _known_giver(config: DialogConfig, person: Person | None) -> FeedbackGiver | None:
    """Return the giver, unless it is a model; bad options are refused before one is loaded."""
    if config.feedback is Giver.RECORDED and config.recording is None:
        raise UsageError(
            "--feedback recorded needs --recording FILE, such as a run's feedback.jsonl"
        )
    if config.recording is not None and config.feedback is not Giver.RECORDED:
        raise UsageError("--recording goes with --feedback recorded alone")
    if config.feedback_model is not None and config.feedback is not Giver.MODEL:
        raise UsageError("--feedback-model goes with --feedback model")
    if config.recording:
        return RecordedFeedback(config.recording)
    if config.feedback is Giver.EXECUTION:
        return ExecutionFeedback(show_expected=config.show_expected)
    if config.feedback is Giver.HUMAN:
        if person is None:
            raise UsageError("human feedback wants a person: give it at a terminal")
        return HumanFeedback(person, config.author)
    return None


def _model_giver(config: DialogConfig, generator: TextGenerator) -> FeedbackGiver:
    if config.feedback_model is None:
        return ModelFeedback(generator)
    other = replace(config.model, model=config.feedback_model)
    return ModelFeedback(open_model(other)(None))
