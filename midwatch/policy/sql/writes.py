"""Permissions: can a statement that writes be recognised in a text? Generously: in whatever of it could be read as SQL.

Data, definitions and rights; in any statement, CTE or EXPLAIN, in MySQL's executable comments, and in text that no
parser takes. What stands in strings, quoted names and ordinary comments is no statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from midwatch.policy.sql.lexis import LEXIS, MAX_CHARACTERS, SETTINGS, Dialect, Lexis, Piece, pieces, vocabulary

_VERBS: Final = vocabulary("insert update delete merge create alter drop truncate grant revoke")
"""Wherever one stands before a name or a word that can follow it."""
_OPENERS: Final = _VERBS | vocabulary(
    """
    attach bulk call cluster comment copy deny detach do exec execute import install load optimize reassign refresh reindex
    rename repair replace restore security undrop upsert vacuum
    """
)
"""At the beginning of a statement; what calls or loads what nobody can see is among them."""
_BEGINS: Final = frozenset({"explain", "analyze", "analyse", "verbose", "begin", "then", "else", "as", "plan", "go"})
"""Words behind which a statement may begin."""
_NAMED_BY: Final = frozenset({"for", "on", "before", "after", "or", "of", "instead", "key", "as"})
"""`FOR UPDATE`, `ON DELETE`, `AS drop`: the verb is no statement."""
_NO_OBJECT: Final = vocabulary(
    """
    and as asc between desc else end from group having in is join like limit not or order then union when where
    """
)
"""Behind one of these the word was a column."""


def lexes(dialect: Dialect | None) -> Iterable[Lexis]:
    """Every way in which a text may be read."""
    if dialect is None:
        return dict.fromkeys([*LEXIS.values(), *SETTINGS.values()])
    return [LEXIS[dialect], *([SETTINGS[dialect]] if dialect in SETTINGS else [])]


def code_of(text: str, lexis: Lexis) -> list[Piece]:
    """What is neither blank nor comment, as far as it can be told."""
    return [piece for piece in pieces(text, lexis, strict=False) if piece.kind != "comment"]


def writes(text: str, dialect: Dialect | None) -> bool:
    """Is there a statement that writes? Without a dialect: in any of them."""
    return len(text) > MAX_CHARACTERS or any(_writes(code_of(text, lexis)) for lexis in lexes(dialect))


def _writes(code: Sequence[Piece]) -> bool:
    return any(_is_verb(code, place) for place, piece in enumerate(code) if piece.kind == "word")


def _is_verb(code: Sequence[Piece], place: int) -> bool:
    word = code[place].text.lower()
    before = code[place - 1].text.lower() if place else ";"
    following = code[place + 1] if place + 1 < len(code) else None
    if before == "." or following is None or following.text == ".":
        return False
    behind = following.text.lower()
    if before == "as" and behind in _NO_OBJECT and (word, behind) != ("delete", "from"):
        return False
    if word in _OPENERS and (before == ";" or (before in _BEGINS and behind != "(")):
        return following.kind != "sign" or following.text in "@#[$("
    object_follows = following.kind in ("word", "name") and behind not in _NO_OBJECT
    if word == "into":
        return object_follows or behind == "#"
    if word == "replace":
        return behind == "into"
    if word == "delete" and behind == "from":
        return before not in _NAMED_BY
    return word in _VERBS and object_follows and before not in _NAMED_BY
