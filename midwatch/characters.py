"""Permissions: which characters does a person not see? One answer, for showing a call and for matching it."""

from __future__ import annotations

import unicodedata
from typing import Final

_BLANK_LOOKING: Final = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\U00016fe4\U0001d159"
"""Nothing is drawn, whatever their category says (Unicode's Default_Ignorable, empty Braille, a filler, a null note)."""

_IGNORABLE_RANGES: Final = (
    ("\u180b", "\u180f"),
    ("\u2060", "\u206f"),
    ("\ufe00", "\ufe0f"),
    ("\ufff0", "\ufff8"),
    ("\U000e0000", "\U000e0fff"),
)
"""Variation selectors, tags and what Unicode keeps free for more of them: drawn as nothing, whatever their category."""

_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})
"""Categories of controls, bidirectional and zero-width formats, surrogates, unassigned code points and odd blanks."""


def is_ignorable(character: str) -> bool:
    """Drawn as nothing: text with and without it looks the same."""
    if character in _BLANK_LOOKING or unicodedata.category(character) == "Cf":
        return True
    return any(first <= character <= last for first, last in _IGNORABLE_RANGES)


def is_control(character: str) -> bool:
    """A control character, a line or paragraph separator, or half of a surrogate pair."""
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")


def visible(text: str) -> str:
    """`text` for a person's eyes: what is invisible, reorders others or passes for a blank stands there as `‹U+200B›`.

    Line feeds, tabs and blanks stay. Two different texts never give the same one: `‹` itself is shown as `‹U+2039›`.
    """
    if text.isascii() and text.isprintable():
        return text
    odd = {ord(character): f"‹U+{ord(character):04X}›" for character in set(text) if _needs_showing(character)}
    return text.translate(odd) if odd else text


def on_one_line(text: str) -> str:
    """Each line break as a sign, so that no part of `text` stands on a line of its own."""
    return " ⏎ ".join(text.splitlines())


def _needs_showing(character: str) -> bool:
    if character in " \n\t":
        return False
    return character == "‹" or unicodedata.category(character) in _UNSEEN or is_ignorable(character)


def folded(text: str) -> str:
    """`text` as the most generous reader sees it: compatibility forms and cases unified, what is not drawn removed."""
    if text.isascii():
        return text.lower()
    drawn = "".join(character for character in unicodedata.normalize("NFKC", text) if not is_ignorable(character))
    return unicodedata.normalize("NFKC", drawn.casefold())


def is_encodable(text: str) -> bool:
    """Holds no lone surrogate: there are bytes for it."""
    return not any("\ud800" <= character <= "\udfff" for character in text)
