"""How the site sets what people write: equations in pieces that fit any width, subscripts in running text, and papers
as links.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from docutils import nodes

TOKEN = re.compile(r"\\[bB]igg?[lr]?\s*(?:\\[{}|]|[()\[\]|])|\\[A-Za-z]+|\\.|\s+|.", re.DOTALL)
FENCE = re.compile(r"\\[bB]igg?[lr]?\s*(\\[{}]|[()\[\]])")
OPENING, CLOSING = {"(", "[", r"\{"}, {")", "]", r"\}"}
OPERATORS = {"+", "-", "=", r"\pm", r"\le", r"\ge", r"\leq", r"\geq", r"\propto", r"\approx"}
GAPS = {r"\quad", r"\qquad"}
UNARY = (*OPERATORS, "(", "[", "=", ",", r"\;", r"\,", "|")  # after these a sign belongs to what follows

PAPERS = {  # that docstrings name by their titles
    "Mitigating the limitations of multimodal VAEs with coordination-based approach": (
        "https://openreview.net/forum?id=Rn8u4MYgeNJ"
    ),
    "Discriminative multimodal learning via conditional priors in generative models": (
        "https://arxiv.org/abs/2110.04616"
    ),
    "Unity by Diversity": "https://arxiv.org/abs/2403.05300",
}
TITLES = re.compile("|".join(re.escape(title).replace(r"\ ", r"\s+") for title in PAPERS), re.IGNORECASE)
LETTER = r"(?:(?<![A-Za-z0-9_])[A-Za-z]|[Ͱ-Ͽ∑∏∫)\]}\u0302])"  # that may have a script: a single one, or a closing sign
LOWERED = re.compile(rf"{LETTER}$")  # what a subscript stands after
RAISED = re.compile(
    rf"(?:{LETTER}(?:_[A-Za-z0-9])?|(?<![A-Za-z0-9_])\d+|^)$"
)  # a superscript; ^: a subscript is before
VERBATIM = (nodes.literal, nodes.literal_block, nodes.math, nodes.math_block, nodes.raw, nodes.comment)


# Equations


def rows(tex: str) -> list[list[str]]:
    """A displayed equation as its lines, each as the pieces between which a narrow page may break it."""
    if r"\begin" in tex:  # a matrix, or cases
        return [[tex]]
    return [pieces(row.replace("&", "")) for row in tex.split(r"\\") if row.strip()]


def pieces(tex: str) -> list[str]:
    """A line of an equation cut before signs between terms and of equality, and between equations side by side.

    Big brackets may be on two lines; what is in braces or in parentheses stays together.
    """
    found, now, braces, parentheses, before = [], "", 0, 0, ""
    for token in TOKEN.findall(tex):
        braces += {"{": 1, "}": -1}.get(token, 0)
        parentheses += {"(": 1, ")": -1}.get(token, 0)
        outside = not braces and not parentheses
        if outside and token in GAPS and now.strip():
            found, now = [*found, f"{now}{token} "], ""
        elif outside and token in OPERATORS and now.strip() and before not in UNARY and before[:1] not in "_^":
            found, now = [*found, now], "{} " + token
        else:
            now += token
        before = token if token.strip() else before
    return [balanced(piece) for piece in (*found, now) if piece.strip()]


def balanced(piece: str) -> str:
    """A piece in which every big bracket that closes has one that opens, be it invisible."""
    missing, opened = 0, 0
    for fence in FENCE.findall(piece):
        opened += 1 if fence in OPENING else -1 if fence in CLOSING else 0
        missing = max(missing, -opened)
    return r"\bigl. " * missing + piece


# Running text


def set_text(doctree: nodes.document) -> None:
    """Set the running text of a page: subscripts and superscripts, papers, and addresses by what they are."""
    for text in list(doctree.findall(nodes.Text)):
        around = list(ancestors(text))
        if any(isinstance(node, VERBATIM) or node.tagname == "desc_signature" for node in around):
            continue
        linked = any(isinstance(node, nodes.reference) for node in around)
        made = [
            node
            for part in ([text] if linked else with_papers(text.astext()))
            for node in (scripts(part.astext()) if isinstance(part, nodes.Text) else [part])
        ]
        if len(made) > 1 or not isinstance(made[0], nodes.Text):
            text.parent.replace(text, made)
    for link in doctree.findall(nodes.reference):
        address = str(link.get("refuri", ""))
        if link.astext() == address and (short := shortened(address)) != address:
            link.children = []
            link += nodes.Text(short)


def ancestors(node: nodes.Node) -> Iterator[nodes.Element]:
    """What a node is in, from within."""
    while node.parent is not None:
        yield node.parent
        node = node.parent


def shortened(address: str) -> str:
    """An address as people call it: ``arXiv:1802.05335``, ``doi:10.1137/100805741``."""
    for pattern, name in (
        (r"https?://arxiv\.org/abs/(.+)", "arXiv:"),
        (r"https?://(?:dx\.)?doi\.org/(.+)", "doi:"),
        (r"https?://openreview\.net/forum\?id=(.+)", "OpenReview "),
    ):
        if match := re.fullmatch(pattern, address):
            return name + match[1]
    return address


def with_papers(text: str) -> list[nodes.Node]:
    """Text in which papers that are named by their titles are links."""
    made: list[nodes.Node] = []
    end = 0
    for match in TITLES.finditer(text):
        title = next(known for known in PAPERS if known.lower() == " ".join(match[0].split()).lower())
        made += [nodes.Text(text[end : match.start()]), nodes.reference(match[0], match[0], refuri=PAPERS[title])]
        end = match.end()
    return [node for node in (*made, nodes.Text(text[end:])) if node.astext()] or [nodes.Text(text)]


def scripts(text: str) -> list[nodes.Node]:
    """Text in which ``q_m``, ``Π_{m∈S}`` and ``2^24`` are set; names of more than one letter are left as they are,
    unless braces say otherwise.
    """
    made: list[nodes.Node] = []
    plain, at = "", 0
    while at < len(text):
        length, inside = _script(text, at)
        if not length:
            plain, at = plain + text[at], at + 1
            continue
        if plain:
            made.append(nodes.Text(plain))
        node = (nodes.subscript if text[at] == "_" else nodes.superscript)()
        node += scripts(inside)
        made.append(node)
        plain, at = "", at + length
    if plain or not made:
        made.append(nodes.Text(plain))
    return made


def _script(text: str, at: int) -> tuple[int, str]:
    """How much of the text from here on is a script, and what is in it; nothing is (0, "")."""
    if text[at] not in "_^":
        return 0, ""
    raised, rest = text[at] == "^", text[at + 1 :]
    base = re.search(RAISED if raised else LOWERED, text[:at])
    if base is None:
        return 0, ""
    if rest.startswith("{"):
        depth = 0
        for end, letter in enumerate(rest):
            depth += {"{": 1, "}": -1}.get(letter, 0)
            if depth == 0:
                return end + 2, rest[1:end]
        return 0, ""
    script = re.match(r"(\d+|[A-Za-z])(?![A-Za-z0-9_])" if raised else r"([A-Za-z0-9])(?![A-Za-z0-9_])", rest)
    return (1 + len(script[1]), script[1]) if script else (0, "")
