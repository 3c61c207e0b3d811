"""One frozen record of options per verb: what the command line parses into.

The verbs take these records, so a test or a notebook can call them without the command line.
Defaults stand here and nowhere else.
"""

from probe.config.common import DEFAULT_SHOT_IDS, DataOptions, ModelOptions
from probe.config.data import GradeConfig, MakeTracesConfig, MakeVariantsConfig, QuickstartConfig
from probe.config.dialog import DialogConfig
from probe.config.execution import (
    CounterfactualConfig,
    ExecutionConfig,
    GridConfig,
    RepresentConfig,
    StepsConfig,
)
from probe.config.finetune import FinetuneConfig, FinetuneTask
from probe.config.programs import AnalyseConfig, MathConfig, SynthesisConfig

__all__ = [
    "DEFAULT_SHOT_IDS",
    "AnalyseConfig",
    "CounterfactualConfig",
    "DataOptions",
    "DialogConfig",
    "ExecutionConfig",
    "FinetuneConfig",
    "FinetuneTask",
    "GradeConfig",
    "GridConfig",
    "MakeTracesConfig",
    "MakeVariantsConfig",
    "MathConfig",
    "ModelOptions",
    "QuickstartConfig",
    "RepresentConfig",
    "StepsConfig",
    "SynthesisConfig",
]
