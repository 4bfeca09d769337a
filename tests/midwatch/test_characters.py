"""What a person cannot see is shown, and what only looks different compares equal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.characters import folded, visible

ANY = st.text(alphabet=st.characters(), max_size=30)

SHOWN = [
    ("a\u200bb", "a‹U+200B›b"),
    ("abc\u202egnp", "abc‹U+202E›gnp"),
    ("a\u00a0b", "a‹U+00A0›b"),
    ("a\rb", "a‹U+000D›b"),
    ("\x1b[31m", "‹U+001B›[31m"),
    ("\ud83d", "‹U+D83D›"),
    ("\u3164", "‹U+3164›"),
    ("\ufe0f", "‹U+FE0F›"),
    ("\U000e0041", "‹U+E0041›"),
    ("\u2028", "‹U+2028›"),
    ("‹U+200B›", "‹U+2039›U+200B›"),
    ("zwei\nZeilen\tund é, 漢字", "zwei\nZeilen\tund é, 漢字"),
]


@pytest.mark.parametrize(("text", "shown"), SHOWN)
def test_what_is_not_seen_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(ANY, ANY)
def test_different_texts_are_shown_differently(one: str, other: str) -> None:
    assert (visible(one) == visible(other)) is (one == other)


@pytest.mark.parametrize("text", [".ENV", "．env", ".e\u200bnv", ".e\u00adnv", ".ｅｎｖ"])
def test_spellings_of_one_name_fold_to_one(text: str) -> None:
    assert folded(text) == ".env"


@given(ANY)
def test_folding_twice_changes_nothing_more(text: str) -> None:
    assert folded(folded(text)) == folded(text)
