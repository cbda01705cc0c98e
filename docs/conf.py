"""Sphinx configuration of the site: ``make docs`` builds it into ``docs/_build``."""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # generate.py and extension.py

project = "mmgen"
author = "The mmgen developers"
copyright = author
version = release = version_of("mmgen-core")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "extension"]
exclude_patterns = ["_build"]
highlight_language = "bash"  # of blocks without a language: commands
pygments_style = "friendly"
pygments_dark_style = "native"

smartquotes_action = "qe"  # two hyphens are those of an option

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 100
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_attr_annotations = False

# Everything that is said to be in mmgen must be there; other projects have sites of their own.
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r"(?!mmgen(_plugin_\w+)?\b).*"), (r"py:.*", r".*\.Annotated\[.*")]

html_theme = "furo"
html_title = f"mmgen {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_show_sphinx = False
html_copy_source = False
html_theme_options = {
    "source_repository": "https://github.com/mmgen-core/mmgen/",
    "source_branch": "main",
    "source_directory": "docs/",
}
