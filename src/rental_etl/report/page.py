"""Puts one page together: skeleton, style, data, code and the chart library, each once, in the order in which a browser needs them."""

import html
import re
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

from rental_etl.model.run import Published
from rental_etl.report.encoding import embedded
from rental_etl.report.facts import Facts
from rental_etl.report.figures import Figure, figures, sections

# In the order in which each needs the ones before it.
_CODE = ("data", "calendar", "numbers", "selection", "keys", "series", "drawing", "quality", "start")
_STAMP = re.compile(r'<meta name="rental-etl-publish" content="([^"]*)">')
# Names a file that is not there: a browser's tools would ask for it.
_SOURCE_MAP = re.compile(r"//# sourceMappingURL=\S+\s*$")
_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")


def render(facts: Facts) -> str:
    """The page, complete: no other file and no network is needed to show it."""
    parts = {
        "stamp": html.escape(stamp(facts.published)),
        "as_of": html.escape(facts.published.as_of.isoformat()),
        "version": html.escape(facts.version),
        "style": _text("page", "style.css"),
        "sections": _sections(facts),
        "data": embedded(_document(facts)),
        "code": "\n".join(_text("page", f"{name}.js") for name in _CODE),
        "vega": _text("runtime", "vega.min.js"),
        "vega_lite": _SOURCE_MAP.sub("", _text("runtime", "vega-lite.min.js")),
    }
    return _PLACEHOLDER.sub(lambda match: parts[match[1]], _text("page", "page.html"))


def stamp(published: Published) -> str:
    """What tells one publish from every other: numbers begin again when a warehouse is rebuilt."""
    return f"{published.number} of {published.published_at} as of {published.as_of.isoformat()}"


def is_of(beginning: str, published: Published) -> bool:
    """Whether a page, of which `beginning` are the first characters, shows this publish."""
    found = _STAMP.search(beginning)
    return found is not None and html.unescape(found[1]) == stamp(published)


def _document(facts: Facts) -> dict[str, Any]:
    published = facts.published
    return {
        "publish": {
            "number": published.number,
            "as_of": published.as_of.isoformat(),
            "at": published.published_at[:19],
            "run": published.run_id,
        },
        "rendered_at": facts.rendered_at[:19],
        "tables": facts.tables,
        "skipped": facts.skipped,
        "limits": facts.limits,
        "runs": [
            {
                "run": run.run_id,
                "command": run.command,
                "as_of": run.as_of.isoformat(),
                "state": run.state,
                "started_at": run.started_at[:19],
                "seconds": round(sum(job.seconds for job in run.jobs), 2),
                "message": run.message[:300],
            }
            for run in facts.runs
        ],
        "figures": {figure.id: figure.document() for figure in figures()},
    }


def _sections(facts: Facts) -> str:
    """The charts' places, with what can be said before any code has run."""
    parts = []
    for section, members in sections():
        parts.append(f'<section id="{section.id}" aria-labelledby="{section.id}-title">')
        parts.append(f'<h2 id="{section.id}-title">{html.escape(section.title)}</h2>')
        parts.append('<div class="figures">')
        for figure in members:
            reasons = [facts.skipped[table] for table in figure.tables if table in facts.skipped]
            parts.append(_text("page", "figure.html").format(**_words(figure, reasons)))
        parts.append("</div></section>")
    return "\n".join(parts)


def _words(figure: Figure, reasons: Sequence[str]) -> dict[str, str]:
    sentence = f"Not shown: {reasons[0]}." if reasons else ""
    return {
        "id": figure.id,
        "title": html.escape(figure.title),
        "about": html.escape(figure.about),
        "sentence": html.escape(sentence),
        "state": "skipped" if reasons else "waiting",
        "width": " wide" if figure.wide else "",
    }


@cache
def _text(folder: str, name: str) -> str:
    return (resources.files("rental_etl.report") / folder / name).read_text(encoding="utf-8")
