"""No prompt template changes without its version: each has the hash that was published."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from probe.models.fake import FakeGenerator
from probe.named_hashes import _template_hashes
from probe.tasks.dialog.critic import MODEL_FEEDBACK, ModelFeedback

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = sorted((ROOT / "reports").glob("*/runs/*/manifest.json"))

PUBLISHED = {
    "dialog/conversation@1": "cadc479f1e6318245c5496b6448e4dd7a272530f0b1a37ee246d9fc380c5e509",
    "dialog/feedback@2": "5f8e377d1f8e6a629ee24ff433b248879551d95b0e56c552802d6034b4de3e2d",
    "execution/code+tests@1": "ea7eeafaf959ba9a8d94029ced777a369b1ba72c3227e37f24934b8ee1de3e1c",
    "execution/code+text+tests@1": (
        "05889875d8dfe609daf39e1b2a2c0d65d4688fadb0288aeb42f0704a071da952"
    ),
    "execution/code+text@1": "09c63b7a8a6cc947d4e89b263e63061ff00f82e7582360722e8234783c0f519e",
    "execution/code@1": "f8f8d714648862be151171e342f5ba17e646e251b3ad2ec90b69afe57f74e4b6",
    "execution/scratchpad@1": "fd51544f991482ba43848819cb5f68c89720f347121db390bfab34d70719df6b",
    "execution/tests@1": "b92ae92e91b67e590ab352fb959eb33ef89334f69a350350612b4aaee69af883",
    "execution/text+tests@1": "e38c6a1f18d12546cec126162ac63f343f9561320df38619f8c07780f8969d44",
    "execution/text@1": "41bbf87a2be3b7988bf5b5ef73346114baba41ba44aa665c7f15943c991d33a5",
    "mathqa/dsl@1": "cdc35e29e59316ef6a512e190739ae71f12d9e6b87af8aaf0c9288030f653bac",
    "mathqa/python@1": "1ae122a5b01d0c4b2b7a51231b98a70c405e6285079f6a8935311dd1a13d0481",
    "steps/branch@1": "7b764a48d40d720f91d4488d85ffaee1c3f3ebbd65b80a13665c5fc73d15d0c1",
    "steps/iterations@1": "bb82f0de39747eb7936fad62feb9b741924883b197b5a858b62a8237c6a02a48",
    "steps/next_line@1": "619b8b5a09e485109cebfe43fce83bf25103c2dceb4465d5803d04a9f57c6fa3",
    "steps/raising@1": "eec558bb6264c53697ecc5c5b1e2c0b0c2bdf39a36eda4d1c341d4d225fe736c",
    "steps/variable@1": "a67be2a724561981494e3ea6953e8be670fc6056dd53efb76a727d6f03cc927f",
    "synthesis/docstring@1": "bf5c9c9c934edccf54fa46d148436ebebdce13baeb494dfa9bd4ae44aad508fc",
    "synthesis/instruct@1": "ba036deee2f725c0cbfc2242af8303bdd3cb3c47caa9ff2d19f51f92035830d7",
    "synthesis/paper@1": "f09516e52b9e9b8c8d431cec6f1b986991eb0b0da862397ce4aa473c476df2f4",
}
"""sha256 by name and version. A changed text is a new version with a line of its own."""


def test_templates_are_what_was_published() -> None:
    assert _template_hashes() == PUBLISHED
    critic = ModelFeedback(FakeGenerator(lambda _: "")).identity()["wording"]
    assert critic == {MODEL_FEEDBACK: PUBLISHED[MODEL_FEEDBACK]}


def test_templates_are_made_where_this_test_looks() -> None:
    makers = set()
    for path in (ROOT / "probe").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if "Template(" in text and "name=" in text:
            calls = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
            if any(
                ast.unparse(call.func).endswith("Template")
                and "name" in {word.arg for word in call.keywords}
                for call in calls
            ):
                makers.add(path.relative_to(ROOT / "probe").as_posix())
    assert makers == {
        "prompts.py",
        "scratchpad.py",
        "step_prompts.py",
        "tasks/mathqa/prompts.py",
        "tasks/synthesis_prompts.py",
    }


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: "/".join(path.parts[-4:-1:2]))
def test_stored_runs_were_asked_in_these_words(path: Path) -> None:
    identity: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["identity"]
    said = dict(identity.get("prompts") or {})
    said |= identity.get("feedback", {}).get("wording", {})
    assert said.items() <= PUBLISHED.items()
