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

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_gallery.gen_gallery", "extension"]
exclude_patterns = [
    "_build",
    "tutorials",
    "generated/front.md",
]  # pages in generated/tutorials, and a part of the first page
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

# Tutorials are run where extension.py copies them to: what they write lies there, and not in the repository.
sphinx_gallery_conf = {
    "parallel": 2,  # tutorials at a time
    "examples_dirs": "_build/tutorials",
    "gallery_dirs": "generated/tutorials",
    "filename_pattern": r"\.py$",
    "within_subsection_order": "extension.TutorialOrder",
    "image_scrapers": ("extension.scrape_figures",),
    "reset_modules": ("matplotlib", "extension.plain_warnings"),
    "image_srcset": ["2x"],
    "ignore_repr_types": r"matplotlib\.",
    "download_all_examples": False,
    "inspect_global_variables": False,
    "write_computation_times": False,
    "show_signature": False,
    "first_notebook_cell": "%matplotlib inline",
}

html_theme = "furo"
html_title = f"mmgen {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = ["versions.js"]
templates_path = ["templates"]
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/search.html",
        "sidebar/versions.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
html_math_renderer = "mathml"
html_show_sphinx = False
html_copy_source = False
html_theme_options = {
    "source_repository": "https://github.com/mmgen-core/mmgen/",
    "source_branch": "main",
    "source_directory": "docs/",
}
