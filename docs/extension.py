"""What the site needs of Sphinx: generated pages, links, equations as MathML, options of configurations, and a look
whether every public name has its entry.
"""

from __future__ import annotations

import re
import shutil
import warnings
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any

import generate
import typesetting
from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from matplotlib.figure import Figure
from pydantic import BaseModel
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx_gallery.scrapers import figure_rst, matplotlib_scraper

import mmgen
from mmgen.errors import DataWarning

logger = logging.getLogger(__name__)


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect everything."""
    app.connect("builder-inited", copy_tutorials, priority=100)  # before Sphinx-Gallery runs them
    app.connect("builder-inited", write_pages)
    app.connect("source-read", link_within_site)
    app.connect("html-page-context", link_to_source)
    app.connect("autodoc-process-docstring", describe_fields)
    app.connect("autodoc-skip-member", leave_out)
    app.connect("doctree-read", name_in_full)
    app.connect("doctree-read", set_text)
    app.connect("missing-reference", find_public_name)
    app.connect("env-check-consistency", look_for_public_names)
    app.add_html_math_renderer("mathml", (inline_equation, None), (displayed_equation, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def write_pages(app: Sphinx) -> None:
    """Write the generated pages; those that have not changed are left alone, so that Sphinx need not read them
    again.
    """
    folder = Path(app.srcdir) / "generated"
    made = generate.pages()
    for name, content in made.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != content:
            path.write_text(content, encoding="utf-8")
    for path in folder.rglob("*.*"):
        inside = path.relative_to(folder)
        if inside.as_posix() not in made and inside.parts[0] != "tutorials":
            path.unlink()


def link_within_site(app: Sphinx, docname: str, content: list[str]) -> None:
    """Links of a page of ``docs`` that lead out of that folder, as pages of the site or of the repository; a page
    without a title is called as its file is. Links of tutorials are whole addresses, for their notebooks.
    """
    if docname.startswith("generated/tutorials/"):
        content[0] = re.sub(rf"<{generate.REPOSITORY}/blob/main/docs/([\w/-]+)\.md", r"<../../\1.html", content[0])
    if app.env.doc2path(docname).suffix == ".md" and not docname.startswith("generated/"):
        content[0] = generate.relinked(content[0], PurePosixPath("docs", docname).parent)
        if not content[0].startswith("# "):
            content[0] = f"# {docname.rpartition('/')[2].replace('-', ' ').capitalize()}\n\n{content[0]}"


def link_to_source(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """A generated page has no source that could be seen or edited in the repository."""
    if pagename.startswith("generated/"):
        context["theme_source_repository"] = ""


# Tutorials

ORDER = ("patients", "single_cells", "two_animals", "polymnist", "read_a_table", "write_a_method")


class TutorialOrder:
    """Data of one's own first, then what others measured, then what one adds."""

    def __init__(self, src_dir: str) -> None:
        self.src_dir = src_dir

    def __call__(self, filename: str) -> int:
        """The place of a script among the tutorials."""
        return ORDER.index(Path(filename).stem)


def copy_tutorials(app: Sphinx) -> None:
    """The scripts of ``docs/tutorials`` into an empty folder, in which Sphinx-Gallery runs those that have changed."""
    folder = Path(app.srcdir) / app.config.sphinx_gallery_conf["examples_dirs"]
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(Path(app.srcdir) / "tutorials", folder, ignore=shutil.ignore_patterns("__pycache__"))


def plain_warnings(gallery_conf: dict[str, Any], script: Any) -> None:
    """A warning about data is its sentence on a page, without the place of the script on this machine."""

    def formatted(message: Any, category: type[Warning], *place: Any, **more: Any) -> str:
        if category is not DataWarning:
            return usual(message, category, *place, **more)
        return f"{category.__name__}: {message}\n"

    usual, warnings.formatwarning = warnings.formatwarning, formatted


def scrape_figures(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """The pictures of a block: pyplot's, and a figure that is its last value, as a notebook shows it."""
    shown = matplotlib_scraper(block, block_vars, gallery_conf)
    last = block_vars["example_globals"].get("___")
    if not isinstance(last, Figure) or last.canvas.manager is not None:  # what has a manager is pyplot's
        return shown
    path = Path(next(block_vars["image_path_iterator"]))
    sharp = path.with_stem(f"{path.stem}_2x")
    for place, dpi in ((path, 100), (sharp, 200)):
        last.savefig(place, dpi=dpi)
    return shown + figure_rst([path], gallery_conf["src_dir"], last.get_suptitle(), [{0: path, 2.0: sharp}])


# Equations


def mathml(tex: str, block: bool) -> str:
    r"""An equation for the browser, which sets it without a script; what is not LaTeX raises, and is a warning of the
    build.

    docutils wants to know of a ``\big`` fence whether it opens or closes, reads ``\frac12`` as one number, and leaves
    no space after a logarithm; browsers stretch the sign ‖ to what is beside it.
    """
    tex = re.sub(r"\\([bB]igg?)(?=\\?[(\[{])", r"\\\1l", tex)
    tex = re.sub(r"\\([bB]igg?)(?=\\?[)\]}])", r"\\\1r", tex)
    tex = re.sub(r"\\[bB]igg?(?=\\?\|)", "", tex).replace(r"\dots", r"\ldots")
    tex = re.sub(r"\\([td]?frac)\s*(\w)\s*(\w)", r"\\\1{\2}{\3}", tex)
    tex = re.sub(r"([_^])(\d)(?=\d)", r"\1{\2}", tex)
    tex = re.sub(r"\\log\s+", r"\\log\\,", tex)
    return tex2mathml(tex, as_block=block).replace("<mo>‖</mo>", '<mo stretchy="false">‖</mo>')


def inline_equation(self: Any, node: nodes.math) -> None:
    """Within a line."""
    _equation(self, node, block=False)


def displayed_equation(self: Any, node: nodes.math_block) -> None:
    """On a line of its own."""
    _equation(self, node, block=True)


def _equation(self: Any, node: Any, *, block: bool) -> None:
    try:
        if block:
            lines = [[mathml(piece, block) for piece in row] for row in typesetting.rows(node.astext())]
            spans = ("".join(f"<span>{piece}</span>\n" for piece in row) for row in lines)
            self.body.append(f'<div class="math">{"".join(f"<div>{row}</div>" for row in spans)}</div>')
        else:
            self.body.append(mathml(node.astext(), block))
    except Exception as error:  # docutils raises several kinds
        logger.warning("%s: %s", error, node.astext(), location=node)
    raise nodes.SkipNode


def set_text(app: Sphinx, doctree: nodes.document) -> None:
    """Subscripts, papers and addresses in running text."""
    typesetting.set_text(doctree)


# The reference


def describe_fields(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """The fields of a configuration with their descriptions, below its docstring; |S| is a size."""
    lines[:] = [generate.plain_bars(line) for line in lines]
    if what == "class" and isinstance(obj, type) and issubclass(obj, BaseModel) and obj.__module__.startswith("mmgen"):
        lines += [
            "",
            *(f":ivar {field}: {generate.escaped(info.description or '')}" for field, info in obj.model_fields.items()),
            "",
        ]


def leave_out(app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """What pydantic puts into every model, and scikit-learn into every estimator, is no part of ours."""
    return True if name == "model_config" or re.fullmatch(r"set_\w+_request", name) else None


def documented() -> dict[tuple[str, str], str]:
    """(module, qualified name) of every public thing, and where the reference has it."""
    places: dict[tuple[str, str], str] = {}
    for package in generate.REFERENCE:
        for name, value in generate.public(package).items():
            places.setdefault(
                (getattr(value, "__module__", package), getattr(value, "__qualname__", name)), f"{package}.{name}"
            )
    return places


def name_in_full(app: Sphinx, doctree: nodes.document) -> None:
    """A bare name of ``mmgen`` in a signature is that one, also where another package has one of the same name.

    autodoc leaves names as they are written where a signature has others that only type checkers import.
    """
    python = (node for node in doctree.findall(pending_xref) if node.get("refdomain") == "py")
    bare = [node for node in python if node["reftarget"] in mmgen.__all__]
    places = documented() if bare else {}
    for node in bare:
        value = getattr(mmgen, node["reftarget"])
        place = places.get((getattr(value, "__module__", ""), getattr(value, "__qualname__", "")))
        if place is not None:
            node["reftarget"] = place


def find_public_name(app: Sphinx, env: Any, node: Any, contnode: Any) -> Any:
    """A reference by another name, such as ``mmgen.Batch`` for ``mmgen.data.Batch``; what exists and is not public
    stays text, what does not exist is a warning.
    """
    target = str(node.get("reftarget", ""))
    if node.get("refdomain") != "py" or not target.startswith("mmgen"):
        return None
    value, rest = _found(target)
    place = documented().get((getattr(value, "__module__", ""), getattr(value, "__qualname__", "")))
    if place is None:
        return None if value is None else contnode
    domain = env.domains.python_domain
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", ".".join([place, *rest]), node, contnode)


def _found(target: str) -> tuple[Any, list[str]]:
    """The module-level thing of a dotted name, and the rest of the name."""
    words = target.split(".")
    for length in range(len(words), 0, -1):
        try:
            module = import_module(".".join(words[:length]))
        except ImportError:
            continue
        left = words[length:]
        return (getattr(module, left[0], None), left[1:]) if left else (module, [])
    return None, []


def look_for_public_names(app: Sphinx, env: Any) -> None:
    """Every public name, and every public method of its own that a class has, must have an entry."""
    objects = env.domains.python_domain.objects
    for package in generate.REFERENCE:
        for name, value in generate.public(package).items():
            for full in (f"{package}.{name}", *(f"{package}.{name}.{member}" for member in generate.members(value))):
                if full not in objects:
                    logger.warning("%s is public and not in the reference: it has no docstring", full)
