"""Slack: how is text shown that others wrote? As rich text, which Slack takes letter for letter.

Nothing in a `text` element is markup: no mention, link, emoji or picture comes of it, and nothing in it is escaped or
unescaped. Only the one line of a notification (`fallback`) is Slack's mrkdwn, and it holds no words but Midwatch's.
"""

from __future__ import annotations

from typing import Any, Final

from midwatch.calls import visible

Part = dict[str, Any]
"""An element, a block or a view of Block Kit, as JSON."""
STRETCH: Final = 3000
"""Characters in one element; a longer text is several, one after the other."""


def says(text: str, *, bold: bool = False, code: bool = False) -> Part:
    """A stretch of a line, letter for letter."""
    return _stretch(visible(text), **{name: True for name, on in (("bold", bold), ("code", code)) if on})


def _stretch(text: str, **style: bool) -> Part:
    return {"type": "text", "text": text, **({"style": style} if style else {})}


def line(*stretches: Part) -> Part:
    return {"type": "rich_text_section", "elements": [one for one in stretches if one["text"]]}


def quoted(text: str) -> Part:
    """Somebody's own words."""
    return {"type": "rich_text_quote", "elements": _stretches(text)}


def fixed(text: str) -> Part:
    """Lines as code."""
    return {"type": "rich_text_preformatted", "elements": _stretches(text)}


def _stretches(text: str) -> list[Part]:
    shown = visible(text)
    return [_stretch(shown[start : start + STRETCH]) for start in range(0, len(shown), STRETCH)]


def block(*elements: Part) -> Part:
    return {"type": "rich_text", "elements": list(elements)}


def plain(text: str) -> Part:
    """A label, title or button."""
    return {"type": "plain_text", "text": visible(text), "emoji": False}


def fallback(text: str) -> str:
    """What a notification and a screen reader say, in mrkdwn."""
    return visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
