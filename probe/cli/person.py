"""A person at the terminal who gives feedback: sees the problem, the program and what came of it.

Called by ``probe evaluate dialog --feedback human``. Everything is written to stderr and read from
the terminal, so that it works over ssh; what is typed is kept at once, and after ``/quit`` the same
command goes on with the next program.
"""

from __future__ import annotations

import sys

from rich.console import Console
from rich.panel import Panel
from rich.syntax import Syntax
from rich.text import Text

from generators.errors import UsageError
from probe.tasks.dialog.feedback import Failure, execution_sentence
from probe.tasks.dialog.sentences import limited

__all__ = ["TerminalPerson"]

_PROMPT = "Your sentence (Enter: nothing to say; /history; /quit): "


class TerminalPerson:
    """Asks whoever sits at the terminal.

    Raises:
        UsageError: Nobody does: the input is no terminal.
    """

    def __init__(self) -> None:
        if not sys.stdin.isatty():
            raise UsageError("--feedback human is typed at a terminal, and the input is none")
        self._console = Console(stderr=True, highlight=False)

    def __call__(self, failure: Failure, number: int, total: int) -> str:
        """Show a failure and return what is typed; ``""`` for nothing.

        Raises:
            KeyboardInterrupt: The person quits; the run can be resumed.
        """
        self._show(failure, f"{number} of {total}")
        while True:
            try:
                typed = self._console.input(_PROMPT, markup=False).strip()
            except EOFError:
                raise KeyboardInterrupt from None
            if typed == "/quit":
                raise KeyboardInterrupt
            if typed == "/history":
                for turn in failure.said:
                    self._console.print(Text(f"{turn.role}: {turn.text}\n"))
                continue
            found = limited(typed)
            if typed and not found.text:
                self._console.print("That is code alone; say it in words.")
                continue
            if found.cut:
                self._console.print(Text(f"The model gets one sentence: {found.text}"))
            return typed

    def _show(self, failure: Failure, place: str) -> None:
        problem, show = failure.problem, self._console.print
        show()
        show(Text(f"Task {problem.task_id}, reply {failure.turn + 1} ({place})", style="bold"))
        show(Text(problem.text.strip()))
        show(Text("\n".join(problem.test_list), style="dim"))
        code = str(failure.reply["code"]).strip() or "(no code)"
        show(Panel(Syntax(code, "python", line_numbers=True, background_color="default")))
        show(Text(execution_sentence(failure.reply, show_expected=True), style="bold"))
