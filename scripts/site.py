"""Builds the documentation as a site: `python scripts/site.py [FOLDER]` (default site/). Works without network.

Takes docs/ as it is; links that leave it (to code and tests, which the site does not have) become plain text.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?!https?://|mailto:|#)([^)#\s]*)(#[^)\s]*)?\)")


def build(target: Path) -> None:
    """Write the site into `target`, which is replaced. Raises CalledProcessError when the generator finds something to warn about."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        docs = work / "docs"
        shutil.copytree(ROOT / "docs", docs)
        (work / "zensical.toml").write_text(_with_all_pages(docs), encoding="utf-8")
        for path in docs.rglob("*.md"):
            path.write_text(_inside(path.read_text(encoding="utf-8"), path, docs), encoding="utf-8")
        program = Path(sys.executable).with_name("zensical")
        subprocess.run([program, "build", "--strict", "--clean"], cwd=work, check=True, stdout=sys.stderr)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(work / "site", target)


def _with_all_pages(docs: Path) -> str:
    """The site's settings, with pages that stand in no part of its navigation at the end of it."""
    settings = (ROOT / "zensical.toml").read_text(encoding="utf-8")
    pages = sorted(path.relative_to(docs).as_posix() for path in docs.rglob("*.md"))
    others = [page for page in pages if f'"{page}"' not in settings]
    more = f'  {{ "More" = {json.dumps(others)} }},\n' if others else ""
    return settings.replace("\n]\n", f"\n{more}]\n", 1)


def _inside(text: str, path: Path, docs: Path) -> str:
    """A page whose links stay in the site."""

    def kept(link: re.Match[str]) -> str:
        leads = (path.parent / link[2]).resolve()
        return link[0] if leads.is_relative_to(docs.resolve()) else link[1]

    return _LINK.sub(kept, text)


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "site")
