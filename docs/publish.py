"""Puts the built site beside those of other versions, into a folder that any web server can show.

As a command::

    python docs/publish.py docs/_build/html site

``site/VERSION/`` is the built site, ``site/versions.json`` has the versions from the newest on, by which pages let
readers change between them, and ``site/index.html`` leads to the newest release.
"""

from __future__ import annotations

import argparse
import json
import shutil
from importlib.metadata import version as version_of
from pathlib import Path

from packaging.version import InvalidVersion, Version

FIRST_PAGE = """<!doctype html>
<meta charset="utf-8">
<title>mmgen</title>
<meta http-equiv="refresh" content="0; url={newest}/index.html">
<a href="{newest}/index.html">mmgen {newest}</a>
"""


def publish(built: Path, site: Path, version: str) -> list[str]:
    """Have ``built`` as one version of ``site``, in the place of an earlier build of it; the versions that are there.

    Raises:
        SystemExit: ``built`` is no site.
    """
    if not (built / "index.html").is_file():
        raise SystemExit(f"{built} has no index.html; build the site first: make docs")
    site.mkdir(parents=True, exist_ok=True)
    place, new, old = site / str(Version(version)), site / ".new", site / ".old"
    for left in (new, old):  # of a copy that was interrupted
        shutil.rmtree(left, ignore_errors=True)
    shutil.copytree(built, new)
    if place.exists():
        place.rename(old)
    new.rename(place)
    shutil.rmtree(old, ignore_errors=True)
    versions = there(site)
    released = [each for each in versions if not Version(each).is_prerelease] or versions
    (site / "versions.json").write_text(json.dumps(versions) + "\n", encoding="utf-8")
    (site / "index.html").write_text(FIRST_PAGE.format(newest=released[0]), encoding="utf-8")
    return versions


def there(site: Path) -> list[str]:
    """The versions of which a site has pages, the newest first."""
    found = []
    for index in site.glob("*/index.html"):
        try:
            found.append(Version(index.parent.name))
        except InvalidVersion:  # of something else
            continue
    return [str(each) for each in sorted(found, reverse=True)]


def main() -> None:
    """The version is that of the installed core."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("built", type=Path, help="what make docs has built")
    parser.add_argument("site", type=Path, help="the folder with all versions")
    asked = parser.parse_args()
    print(", ".join(publish(asked.built, asked.site, version_of("mmgen-core"))))


if __name__ == "__main__":
    main()
