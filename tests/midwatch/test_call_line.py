"""The arguments of a call in a line that is cut."""

from __future__ import annotations

import json

import pytest

from midwatch.call_line import short_first

LETTER = "Dear all, " * 40


def test_a_long_text_does_not_hide_what_one_decides_by() -> None:
    told = short_first(json.dumps({"content": LETTER, "mode": "w", "path": "out/mail.txt"}))
    assert told.startswith('{"mode":"w","path":"out/mail.txt","content":"Dear all')
    assert json.loads(told) == {"content": LETTER, "mode": "w", "path": "out/mail.txt"}


def test_numbers_keep_their_digits() -> None:
    assert short_first(f'{{"a": "{LETTER}", "b": 1.10000000000000000001}}').startswith('{"b":1.10000000000000000001,')


@pytest.mark.parametrize("text", ['{"b": 1,  "a": "x"}', "{}", "[1, 2]", '{"content": "cut o', ""])
def test_the_rest_is_as_it_was(text: str) -> None:
    assert short_first(text) == text
