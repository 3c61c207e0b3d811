"""How the documentation is built: ``make docs``, warnings are errors."""

from importlib.metadata import version as _version

project = "probe"
author = "The probe authors"
project_copyright = "The probe authors, Apache-2.0"
release = version = _version("execution-probe")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
nitpicky = False

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"

html_theme = "alabaster"
html_title = "probe"
