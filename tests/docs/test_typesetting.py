"""What the site does to equations, subscripts and papers, and what it finds wrong with its own pages."""

import importlib
import sys
from pathlib import Path

import pytest

pytest.importorskip("sphinx")
DOCS = Path(__file__).parents[2] / "docs"


def of_docs(name):
    sys.path.insert(0, str(DOCS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(DOCS))


typesetting, check_pages, extension = (of_docs(name) for name in ("typesetting", "check_pages", "extension"))
nodes = pytest.importorskip("docutils.nodes")


def html(parts):
    tags = {"subscript": "sub", "superscript": "sup"}
    return "".join(
        part.astext() if isinstance(part, nodes.Text) else "<{0}>{1}</{0}>".format(tags[part.tagname], html(part))
        for part in parts
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("q(z|x_S) ∝ Π_{m∈S} q(z|x_m).", "q(z|x<sub>S</sub>) ∝ Π<sub>m∈S</sub> q(z|x<sub>m</sub>)."),
        ("q_m^{w_m}", "q<sub>m</sub><sup>w<sub>m</sub></sup>"),
        ("z_m^k W_oᵀ", "z<sub>m</sub><sup>k</sup> W<sub>o</sub>ᵀ"),
        ("2^24 and 2^M − 1", "2<sup>24</sup> and 2<sup>M</sup> − 1"),
        ("E_{q_c}[log q_{λ,ẑ0}(z|X)", "E<sub>q<sub>c</sub></sub>[log q<sub>λ,ẑ0</sub>(z|X)"),
        ("log_w p_value __init__ a_b_c NAME_sd x_", "log_w p_value __init__ a_b_c NAME_sd x_"),
        ("mnist_{tr,te}.npy and x_{m", "mnist_{tr,te}.npy and x_{m"),
        ("", ""),
    ],
)
def test_scripts_of_running_text(text, expected):
    assert html(typesetting.scripts(text)) == expected


def test_papers_that_are_named_by_their_titles_are_links():
    parts = typesetting.with_papers(
        'Source: "Mitigating the limitations of multimodal VAEs\nwith coordination-based approach", Eq. 8'
    )
    assert [part.astext()[:10] for part in parts] == ['Source: "', "Mitigating", '", Eq. 8']
    assert parts[1]["refuri"].startswith("https://openreview.net/forum?id=")
    (whole,) = typesetting.with_papers("nothing here")
    assert whole == "nothing here"


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://arxiv.org/abs/1802.05335", "arXiv:1802.05335"),
        ("https://doi.org/10.1137/100805741", "doi:10.1137/100805741"),
        ("https://github.com/ggbioing/mcvae", "https://github.com/ggbioing/mcvae"),
    ],
)
def test_addresses_of_papers_are_short(address, name):
    assert typesetting.shortened(address) == name


def test_equations_may_break_before_signs_between_terms_and_nowhere_else():
    (row,) = typesetting.rows(r"-x + \sum_{a-b} (c - d) - \frac{e+f}{2}, \qquad \Sigma^{-1/2} = -2")
    assert [piece.strip() for piece in row] == [
        "-x",
        r"{} + \sum_{a-b} (c - d)",
        r"{} - \frac{e+f}{2}, \qquad",
        r"\Sigma^{-1/2}",
        r"{} = -2",
    ]


def test_lines_of_an_equation_are_lines_and_brackets_of_two_pieces_are_set():
    rows = typesetting.rows(r"\text{one:} \quad & a \big[ b + c \big] \\ & d")
    assert [[piece.strip() for piece in row] for row in rows] == [
        [r"\text{one:} \quad", r"a \big[ b", r"\bigl. {} + c \big]"],
        ["d"],
    ]
    for piece in (piece for row in rows for piece in row):
        assert extension.mathml(piece, True).startswith("<math")


PAGE = """<!doctype html><meta charset="utf-8"><style>body {{ margin: 0 }} {style}</style>
<body><article>{content}</article></body>"""


@pytest.fixture(scope="module")
def driver():
    if reason := check_pages.why_not():
        pytest.skip(f"{reason}: pages are not looked at")
    with check_pages.browser() as opened:
        yield opened


@pytest.mark.parametrize(
    ("content", "style", "expected"),
    [
        ("<p>short</p>", "", []),
        ("<p class='far'>long</p>", ".far { width: 500px }", ['page.html at 360 pixels: is 500 wide: p.far "long"']),
        (
            "<div class='math'><p>sum</p></div>",
            ".math { overflow: auto } p { width: 1200px }",
            ['page.html at 360, 1100 pixels: an equation is cut off: "sum"'],
        ),
        (
            "<div class='table-wrapper'><p>cells</p></div>",
            ".table-wrapper { overflow: auto } p { width: 1200px }",
            ['page.html at 1100 pixels: a table is cut off: "cells"'],
        ),
        (
            "<p>Π_{m∈S} q</p><code>x_{m}</code>",
            "",
            ['page.html at 360, 1100, 1400 pixels: LaTeX is text: "Π_{m∈S}"'],
        ),
        (
            "<img src='nowhere.png'>",
            "",
            ["page.html at 360, 1100, 1400 pixels: a picture is not there: nowhere.png"],
        ),
    ],
)
def test_what_is_wrong_with_a_page_is_found(driver, tmp_path, content, style, expected):
    (tmp_path / "page.html").write_text(PAGE.format(content=content, style=style), encoding="utf-8")
    assert check_pages.findings(driver, tmp_path) == expected
