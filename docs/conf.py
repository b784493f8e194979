"""Sphinx builds the site from these settings: `make docs`."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_extensions"), str(HERE.parent / "src")]

import contextual_anomaly  # noqa: E402  # of this checkout

project = "Contextual Anomaly"
author = "Contextual Anomaly contributors"
copyright = author
release = version = contextual_anomaly.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "generated_pages",
]
exclude_patterns = ["_build", "_extensions"]
source_suffix = {".md": "markdown"}

# Every heading of a page can be linked to; a link to a page or heading that does not exist is a warning.
myst_enable_extensions = ["deflist", "colon_fence"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]

# Docstrings write code in single backticks, as Markdown does.
default_role = "code"
toc_object_entries = False
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_google_docstring = True
napoleon_numpy_docstring = False

# The prompt of a console block is not copied.
copybutton_prompt_text = r"\$ "
copybutton_prompt_is_regexp = True

html_theme = "furo"
html_title = f"Contextual Anomaly {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
