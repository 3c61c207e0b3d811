"""What the paper says, with the strength of each source.

Called for the sections that set numbers beside the paper's. None of these numbers was checked
against the paper's text, so none is printed as fact.

Source: Austin et al., Program Synthesis with Large Language Models (arXiv 2108.07732), sections
4, 6 and 7.
"""

from __future__ import annotations

from probe.report.tables import Cell, Table

__all__ = [
    "PAPER_ASSERTS",
    "PAPER_EDITED",
    "PAPER_NOTES",
    "STRENGTH",
    "content_name",
    "paper_accuracy",
    "paper_math_table",
    "paper_table",
]

STRENGTH = "recalled, medium confidence"

_NAMES = {"code": "code", "text": "description", "tests": "tests"}
_ROWS = {
    "code": (16.4, 20.8, 8.6, 9.0),
    "code+text+tests": (24.6, 23.2, 9.8, 8.4),
    "code+text": (15.6, 20.6, 9.0, 8.2),
    "code+tests": (28.8, 27.4, 11.6, 12.0),
    "text+tests": (28.6, 28.2, 12.8, 13.0),
    "text": (17.6, 18.8, 8.4, 8.6),
    "tests": (27.2, 26.2, 10.2, 13.0),
}

PAPER_ASSERTS = {0: (43.2, 10.23), 1: (55.2, 15.30), 2: (59.0, 15.14), 3: (58.4, 16.77)}
"""Problems solved and samples right, in percent, by number of asserts shown; 137B, recalled."""

PAPER_EDITED = {"8B": (35, 45), "68B": (48, 61), "137B": (63, 79)}
"""Problems solved in percent with original and edited wording, 100 problems; recalled."""

PAPER_NOTES = (
    "Found in the paper's abstract: even the best models are generally unable to predict the "
    "output of a program given a specific input.",
    "Recalled, medium confidence: the highest accuracy of any prompt was 28.8%, few-shot, with "
    "the code and two other tests shown; with the code alone it was 16.4% few-shot and 20.8% "
    "fine-tuned. All for a model of 137 billion parameters, by exact text, on 500 test tasks.",
    "Not comparable with the runs of this report without care: another model, other prompts, "
    "items from asserts only, and no trivial baselines or intervals.",
)


def content_name(content: str) -> str:
    """Return a prompt content in words: ``code, description and tests``."""
    *first, last = (_NAMES.get(part, part) for part in content.split("+"))
    return f"{', '.join(first)} and {last}" if first else last


def paper_accuracy(content: str, setting: str, *, tuned: bool) -> float | None:
    """Return the paper's accuracy in percent under a prompt content, ``None`` if it has none.

    Args:
        content: Such as ``code+tests``.
        setting: ``L`` (one input) or ``R`` (two).
        tuned: Fine-tuned, or few-shot.
    """
    row = _ROWS.get(content)
    return None if row is None else row[2 * (setting == "R") + tuned]


def paper_table() -> Table:
    """Make the table of the paper's accuracies, each marked as recalled."""
    return Table(
        key="paper",
        caption=f"Accuracy in percent, 137B model, 500 MBPP test tasks ({STRENGTH}).",
        columns=(
            "Prompt shows",
            "One input, few-shot",
            "One input, fine-tuned",
            "Two inputs, few-shot",
            "Two inputs, fine-tuned",
        ),
        rows=tuple(
            (Cell(text=content_name(content)), *(Cell(text=f"{number:.1f}") for number in numbers))
            for content, numbers in _ROWS.items()
        ),
        foot=f"Every cell: {STRENGTH}; not checked against the paper. Rows without code ask for "
        "induction, not execution.",
    )


_MATH = {"8B": (16.5, 12.5, 79.0, 74.7), "68B": (16.8, 22.3, 82.8, 79.5)}
_MATH_LARGEST = (16.7, 33.4, 83.8, 81.2)


def paper_math_table() -> Table:
    """Make the table of the paper's MathQA scores, each marked by its source."""
    recalled = "recalled, high confidence"
    return Table(
        key="paper-math",
        caption="The paper's MathQA problems solved by any sample, in percent.",
        columns=(
            "Model",
            "Few-shot, formula",
            "Few-shot, Python",
            "Fine-tuned, formula",
            "Fine-tuned, Python",
        ),
        rows=(
            *(
                (Cell(text=size), *(Cell(text=f"{x:.1f}", note="recalled") for x in numbers))
                for size, numbers in _MATH.items()
            ),
            (
                Cell(text="137B"),
                *(
                    Cell(text=f"{x:.1f}", note="found in the abstract" if x == 83.8 else "recalled")
                    for x in _MATH_LARGEST
                ),
            ),
        ),
        foot=f"Recalled: {recalled}, not checked against the paper. The abstract gives 83.8 for "
        "the fine-tuned model without saying that formulas are meant. The paper's tolerance and "
        "examples are not known, and its models were tuned on 19,209 problems.",
    )
