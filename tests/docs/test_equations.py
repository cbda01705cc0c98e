"""Equations of the site: what docutils would read otherwise than LaTeX does."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("sphinx")
DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def mathml():
    sys.path.insert(0, str(DOCS))
    try:
        spec = importlib.util.spec_from_file_location("extension", DOCS / "extension.py")
        extension = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(extension)
    finally:
        sys.path.remove(str(DOCS))
    return lambda tex, block=False: re.sub(r"\s*\n\s*", "", extension.mathml(tex, block))


@pytest.mark.parametrize(
    ("tex", "expected"),
    [
        (r"\tfrac12 R", r"<mfrac[^>]*><mn>1</mn><mn>2</mn></mfrac><mi>R</mi>"),
        (r"\tfrac1M x", r"<mfrac[^>]*><mn>1</mn><mi>M</mi></mfrac><mi>x</mi>"),
        (r"\tfrac aM x", r"<mfrac[^>]*><mi>a</mi><mi>M</mi></mfrac><mi>x</mi>"),
        (r"\tfrac1{M+1}", r"<mfrac[^>]*><mn>1</mn><mrow><mi>M</mi><mo>\+</mo><mn>1</mn></mrow></mfrac>"),
        (r"\frac{M-a}{M}", r"<mfrac><mrow><mi>M</mi><mo>[−-]</mo><mi>a</mi></mrow><mi>M</mi></mfrac>"),
        (r"x^23", r"<msup><mi>x</mi><mn>2</mn></msup><mn>3</mn>"),
        (r"\Big\{ x \Big\}", r"<mrow><mo[^>]*minsize=[^>]*>\{</mo><mi>x</mi><mo[^>]*minsize=[^>]*>\}</mo></mrow>"),
        (r"\big[ a \Big\| b \big]", r"<mo[^>]*>\[</mo><mi>a</mi><mo stretchy=.false.>‖</mo><mi>b</mi><mo[^>]*>\]</mo>"),
        (r"x_1, \dots, x_M", r"<mo>,</mo><mi>…</mi><mo>,</mo>|<mo>,</mo><mo>…</mo><mo>,</mo>"),
        (r"\log p", r"<mi>log</mi>.*<mspace[^>]*></mspace><mi>p</mi>"),
    ],
)
def test_equations_are_read_as_latex_reads_them(mathml, tex, expected):
    assert re.search(expected, mathml(tex)), mathml(tex)


def test_lines_are_rows_of_a_table(mathml):
    made = mathml(r"a & \big\{ b \big\} \\ c & d", block=True)
    assert re.fullmatch(r"<math[^>]*><mtable[^>]*>(<mtr>.*?</mtr>){2}</mtable></math>", made), made
    assert made.count("<mtd>") == 4


def test_what_is_not_latex_is_an_error(mathml):
    with pytest.raises(Exception, match="nosuchcommand"):
        mathml(r"\nosuchcommand x")
