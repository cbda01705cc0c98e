"""Looks at every page of the built site in a browser: is anything wider than its place, cut off, or LaTeX unset?

At the widths of a phone, a small window and a large one::

    python docs/check_pages.py docs/_build/html

``make docs`` runs it. Where there is no Chromium with its driver, or no selenium, it says so and looks at nothing.
``--pictures FOLDER PAGE…`` writes pictures of some pages instead, for people to look at.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

WIDTHS = (360, 1100, 1400)  # CSS pixels
PHONE = 600  # narrower than this, a table may scroll in its own box
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars")

LOOK = r"""
const found = [], page = document.documentElement, phone = arguments[0];
const named = e => [e.tagName.toLowerCase(), ...e.classList].join(".");
const shown = e => e.getClientRects().length > 0;
const begin = e => (e.textContent || "").trim().replace(/\s+/g, " ").slice(0, 60);
const scrolls = e => {  // within a box of its own
  for (let up = e; up && up !== document.body; up = up.parentElement)
    if (["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(up).overflowX)) return true;
  return false;
};
if (page.scrollWidth > page.clientWidth) {
  const wide = [...document.querySelectorAll("article *, main *")].filter(
    e => shown(e) && e.getBoundingClientRect().right > page.clientWidth + 1 && !scrolls(e));
  const one = wide.at(-1);
  found.push(`is ${page.scrollWidth} wide` + (one ? `: ${named(one)} "${begin(one)}"` : ""));
}
for (const box of document.querySelectorAll("article div.math")) {
  if (box.scrollWidth > box.clientWidth + 1) found.push(`an equation is cut off: "${begin(box)}"`);
}
for (const box of document.querySelectorAll("article .highlight pre, article .table-wrapper")) {
  const how = getComputedStyle(box).overflowX, frame = getComputedStyle(box.parentElement).overflowX;
  if (box.scrollWidth > box.clientWidth + 1 && ![how, frame].some(x => ["auto", "scroll"].includes(x)))
    found.push(`a block is cut off: "${begin(box)}"`);
}
for (const table of document.querySelectorAll("article .table-wrapper")) {
  if (!phone && table.scrollWidth > table.clientWidth + 1) found.push(`a table is cut off: "${begin(table)}"`);
}
for (const picture of document.querySelectorAll("article img"))
  if (picture.complete && !picture.naturalWidth) found.push(`a picture is not there: ${picture.getAttribute("src")}`);
const texts = document.createTreeWalker(document.querySelector("article") || document.body, NodeFilter.SHOW_TEXT);
const unset = /\S*(?:(?<![A-Za-z_])[A-Za-z\u0370-\u03ff\u220f\u2211)][_^]\{|\\(?:frac|mathbb|sum|prod|log)\b)\S*/;
while (texts.nextNode()) {
  const where = texts.currentNode.parentElement;
  const raw = texts.currentNode.textContent.match(unset);
  if (raw && shown(where) && !where.closest("code, pre, math, script")) found.push(`LaTeX is text: "${raw[0]}"`);
}
return [...new Set(found)];
"""


def why_not() -> str | None:
    """Why pages cannot be looked at here; None where they can."""
    if CHROMIUM is None or DRIVER is None:
        return "there is no chromium with chromedriver"
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "selenium is not installed"
    return None


@contextmanager
def browser() -> Iterator[Any]:
    """A browser without a window."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    options.page_load_strategy = "normal"
    for argument in ARGUMENTS:
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.set_page_load_timeout(120)
    driver.set_script_timeout(120)
    try:
        yield driver
    finally:
        driver.quit()


def set_width(driver: Any, width: int, height: int = 900) -> None:
    """Lay pages out for a screen of so many CSS pixels."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def findings(driver: Any, folder: Path, widths: Sequence[int] = WIDTHS) -> list[str]:
    """What is wrong with the pages in a folder, a sentence each: page, width, what."""
    found = []
    for path in sorted(folder.rglob("*.html")):
        if "_static" in path.relative_to(folder).parts:
            continue
        driver.get(path.as_uri())
        wrong: dict[str, list[int]] = {}
        for width in widths:
            set_width(driver, width)
            for what in driver.execute_script(LOOK, width < PHONE):
                wrong.setdefault(what, []).append(width)
        name = path.relative_to(folder).as_posix()
        found += [f"{name} at {', '.join(map(str, at))} pixels: {what}" for what, at in wrong.items()]
    return found


def take_pictures(driver: Any, pages: Sequence[Path], into: Path, widths: Sequence[int] = (360, 1400)) -> list[Path]:
    """Pictures of whole pages in light and dark."""
    into.mkdir(parents=True, exist_ok=True)
    taken = []
    for path in pages:
        for width in widths:
            for theme in ("light", "dark"):
                driver.get(path.as_uri())
                driver.execute_script(f"document.body.dataset.theme = '{theme}'")
                set_width(driver, width)
                height = min(8000, driver.execute_script("return document.documentElement.scrollHeight"))
                set_width(driver, width, height)
                taken.append(into / f"{path.parent.name}-{path.stem}-{width}-{theme}.png")
                driver.save_screenshot(str(taken[-1]))
    return taken


def main() -> int:
    """Look at the site; 1 where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("::")[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, help="of the built site")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="write pictures of the pages named")
    parser.add_argument("pages", nargs="*", help="paths within the site, such as index.html")
    asked = parser.parse_intermixed_args()
    if reason := why_not():
        print(f"The pages are not looked at: {reason}.")
        return 0
    with browser() as driver:
        if asked.pictures:
            for path in take_pictures(driver, [asked.folder.resolve() / page for page in asked.pages], asked.pictures):
                print(path)
            return 0
        found = findings(driver, asked.folder.resolve())
    print(*found, sep="\n", end="\n" if found else "")
    print(f"{len(found)} places of the site are wider than they should be, cut off, or not set.")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
