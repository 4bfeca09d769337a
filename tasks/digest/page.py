"""Digest: as HTML, a part of a page, and a whole letter. No script, no style attribute, nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from midwatch.characters import visible
from midwatch.digest import Digest, Line, Section
from midwatch.drawing import svg
from midwatch.timeline import text_picture
from tasks.digest.links import Links
from tasks.digest.text import left_out

STYLE: Final = (
    "body{font:16px/1.45 system-ui,sans-serif;margin:1rem auto;max-width:40rem;padding:0 .75rem}"
    "h1{font-size:1.25rem}h2{font-size:1.05rem;margin-bottom:.25rem}ul{padding-left:1.1rem;margin-top:.25rem}"
    "li{margin:.35rem 0}code{overflow-wrap:anywhere;font-size:.88em}pre{overflow-x:auto;font-size:.8rem}"
    "figure{margin:1rem 0}svg{max-width:30rem}"
)
"""Of a letter; a page brings its own."""


def digest_page(digest: Digest, links: Links) -> str:
    """The digest as one `<article>`; every foreign word is in `<code>`."""
    return f'<article class="digest">{"".join(_parts(digest, links, svg(digest.timeline)))}</article>'


def digest_letter(digest: Digest, links: Links) -> str:
    """The digest as a whole document. Many mail programs draw no SVG, so the picture stands there as text, too."""
    drawn = svg(digest.timeline)
    text = f"<pre>{escape(text_picture(digest.timeline))}</pre>" if drawn else ""
    body = "".join(_parts(digest, links, drawn + text))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{_own(digest.title)}</title><style>{STYLE}</style></head><body>{body}</body></html>"
    )


def _parts(digest: Digest, links: Links, picture: str) -> Iterator[str]:
    yield f"<h1>{_own(digest.title)}</h1>"
    yield "".join(f"<p>{_words(line)}</p>" for line in digest.headline)
    if picture:
        yield f"<figure>{picture}</figure>"
    for section in digest.sections:
        yield from _section(section, links)


def _section(section: Section, links: Links) -> Iterator[str]:
    yield f"<h2>{_own(section.title)}</h2><ul>"
    for line in section.lines:
        yield f"<li>{_words(line)}{_see(line, links)}</li>"
    if more := left_out(section):
        yield f"<li>{_own(more)}</li>"
    yield "</ul>"


def _words(line: Line) -> str:
    return "".join(_own(part) if isinstance(part, str) else f"<code>{_own(part.line)}</code>" for part in line.parts)


def _see(line: Line, links: Links) -> str:
    if line.see is None:
        return ""
    if link := links.of(line.see):
        return f' · <a href="{escape(link.address)}">{escape(link.label)}</a>'
    return f" · <code>{_own(line.see.command)}</code>"


def _own(text: str) -> str:
    return escape(visible(text))
