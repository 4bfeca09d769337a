"""Inbox triage: what would a person see of this HTML? Text without markup, scripts and hidden elements."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final

_NEVER_SHOWN: Final = frozenset({"head", "script", "style", "title", "template", "noscript"})
_VOID: Final = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})
_BREAKS: Final = frozenset({"br", "p", "div", "tr", "li", "h1", "h2", "h3", "h4", "table", "ul", "ol", "hr"})
_HIDDEN_STYLE: Final = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d])", re.IGNORECASE
)


def text_of_html(html: str) -> str:
    """The visible text, one line for each block."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return "".join(reader.shown)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.shown: list[str] = []
        self._hidden_in: list[str] = []
        """Open elements from the outermost hidden one inwards; empty while text is visible."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BREAKS:
            self.shown.append("\n")
        if tag not in _VOID and (self._hidden_in or tag in _NEVER_SHOWN or _is_hidden(dict(attrs))):
            self._hidden_in.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._hidden_in:
            while self._hidden_in.pop() != tag:
                pass
        elif tag in {"td", "th"}:
            self.shown.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._hidden_in:
            self.shown.append(data.replace("\n", " "))


def _is_hidden(attributes: dict[str, str | None]) -> bool:
    return "hidden" in attributes or bool(_HIDDEN_STYLE.search(attributes.get("style") or ""))
