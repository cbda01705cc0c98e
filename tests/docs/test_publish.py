"""Versions of the site beside each other."""

from __future__ import annotations

import importlib.util
import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


publish = load("publish").publish


def built(folder: Path, pages: dict[str, str]) -> Path:
    """A site whose pages have the script of the real one."""
    (folder / "_static").mkdir(parents=True)
    (folder / "_static" / "versions.js").write_text((DOCS / "static" / "versions.js").read_text())
    box = (DOCS / "templates" / "sidebar" / "versions.html").read_text().split("-#}")[1]
    for page, title in pages.items():
        root = "../" * page.count("/") or "./"
        path = folder / page
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(
            f'<!doctype html><html data-content_root="{root}"><title>{title}</title>{box}'
            f'<script src="{root}_static/versions.js"></script></html>'
        )
    return folder


def test_versions_lie_beside_each_other_and_the_first_page_leads_to_the_newest_release(tmp_path):
    site = tmp_path / "site"
    for version in ("0.9.0", "0.10.0", "0.11.0.dev1"):
        made = built(tmp_path / version, {"index.html": version, "own-data.html": "tables"})
        publish(made, site, version)
    assert json.loads((site / "versions.json").read_text()) == ["0.11.0.dev1", "0.10.0", "0.9.0"]
    assert 'url=0.10.0/index.html"' in (site / "index.html").read_text()
    again = built(tmp_path / "again", {"index.html": "mended"})
    assert publish(again, site, "0.9.0") == ["0.11.0.dev1", "0.10.0", "0.9.0"]
    assert "mended" in (site / "0.9.0" / "index.html").read_text()
    assert not (site / "0.9.0" / "own-data.html").exists(), "nothing is left of the earlier build"
    assert sorted(path.name for path in site.iterdir()) == [
        "0.10.0",
        "0.11.0.dev1",
        "0.9.0",
        "index.html",
        "versions.json",
    ]


def test_what_is_no_site_is_said(tmp_path):
    with pytest.raises(SystemExit, match="build the site first: make docs"):
        publish(tmp_path, tmp_path / "site", "0.1.0")
    assert not (tmp_path / "site").exists()


def test_readers_change_to_the_same_page_or_to_the_first_one(tmp_path):
    pages = load("check_pages")
    if reason := pages.why_not():
        pytest.skip(reason)
    from selenium.webdriver.support.ui import Select, WebDriverWait

    site = tmp_path / "site"
    publish(built(tmp_path / "a", {"index.html": "first 1", "methods/elbo.html": "elbo 1"}), site, "0.1.0")
    publish(
        built(tmp_path / "b", {"index.html": "first 2", "methods/elbo.html": "elbo 2", "new.html": "new 2"}),
        site,
        "0.2.0",
    )
    handler = partial(SimpleHTTPRequestHandler, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pages.browser() as browser:
            for page, version, title in (("methods/elbo", "0.1.0", "elbo 1"), ("new", "0.1.0", "first 1")):
                browser.get(f"http://127.0.0.1:{server.server_port}/0.2.0/{page}.html")
                wait = WebDriverWait(browser, 20)
                wait.until(lambda at: at.find_element("css selector", ".versions").is_displayed())
                choice = Select(browser.find_element("id", "versions"))
                assert [each.text for each in choice.options] == ["0.2.0", "0.1.0"]
                assert choice.first_selected_option.text == "0.2.0"
                choice.select_by_visible_text(version)
                wait.until(lambda at, title=title: at.title == title)
        server.shutdown()
