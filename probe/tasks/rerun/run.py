"""``probe verify`` runs the programs of a finished run again: the way in.

These stored facts come out of a sandbox and are tried: verdicts of programs that a model wrote,
also by challenge tests, values of its answers to word problems, the outputs that a model was to
predict or read states about, and the answers to questions about steps. What a machine's speed
decides (time and memory) is never called a difference; it is counted as not checked, as is
everything whose data are not here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from generators.errors import SandboxUnavailableError
from generators.sandbox.policy import choose_backend
from probe.config import DataOptions
from probe.tasks.kinds import TASK_KINDS
from probe.tasks.rerun.findings import NotHereError, Rerun

__all__ = ["rerun_programs"]

_Row = dict[str, Any]


def rerun_programs(
    task: str, identity: dict[str, Any], samples: Sequence[_Row], data: DataOptions
) -> Rerun:
    """Run the programs of a run's samples again and compare.

    Args:
        task: Kind of the run.
        identity: Identity of the run, from its manifest.
        samples: Its samples, whose derived fields were found to be right.
        data: Where problems are, and how programs are run.

    Raises:
        SandboxError: The sandbox itself failed.
    """
    try:
        choose_backend(trust_programs=data.trust_programs)
        return TASK_KINDS[task].rerun(identity["inputs"], samples, data)
    except (NotHereError, SandboxUnavailableError) as error:
        return Rerun(unchecked=(f"what programs did, as they were not run again: {error}",))
