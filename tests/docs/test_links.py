"""Relative links of the documentation lead somewhere, in the repository and in the site."""

import importlib.util
import re
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
generate = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(generate)
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *(
        path
        for path in sorted((ROOT / "docs").rglob("*.md"))
        if not {"generated", "_build"} & set(path.relative_to(ROOT).parts)
    ),
    *sorted(readme for place in ("plugins", "contrib") for readme in ROOT.glob(f"{place}/*/README.md")),
]


def anchors(text):
    """What a code host and the site call the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", re.sub(r"`", "", heading).strip().lower()).replace(" ", "-") for heading in headings
    }


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for link, anchor in re.findall(r"\]\(([^)\s#]*)(#[^)\s]*)?\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        target = (path.parent / link).resolve() if link else path
        assert target.exists(), f"{link} does not exist"
        assert generate.site_page(target) is not None, f"{link} is outside the repository"
        if anchor and target.suffix == ".md":
            assert anchor[1:] in anchors(target.read_text(encoding="utf-8")), (
                f"{link}{anchor}: there is no such heading"
            )


@pytest.mark.parametrize(
    ("text", "folder", "expected"),
    [
        ("[a](own-data.md#b)", "docs", "[a](/own-data.md#b)"),
        ("[a](../plugins/mmgen-plugin-rats)", "docs", "[a](/generated/plugins/mmgen-plugin-rats.md)"),
        ("[a](../../docs/stages.md)", "plugins/mmgen-plugin-smvae", "[a](/stages.md)"),
        ("[a](LICENSE)", "", f"[a]({generate.REPOSITORY}/blob/main/LICENSE)"),
        ("[a](mmgen/models)", "", f"[a]({generate.REPOSITORY}/tree/main/mmgen/models)"),
        ("[a](https://example.org/x.md) [b](#c)", "docs", "[a](https://example.org/x.md) [b](#c)"),
        ("![a](images/bounds.png)", "docs", "![a](/images/bounds.png)"),
        ("```\n[a](own-data.md)\n```", "docs", "```\n[a](own-data.md)\n```"),
        ("[a](not-there.md)", "docs", "[a](not-there.md)"),
    ],
)
def test_links_of_the_site(text, folder, expected):
    assert generate.relinked(text, PurePosixPath(folder)) == expected
