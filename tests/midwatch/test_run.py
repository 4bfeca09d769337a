"""The facts of a run in words."""

from __future__ import annotations

import pytest

from midwatch.run import Cause, a_cause


@pytest.mark.parametrize(
    ("cause", "words"), [("person", "a person"), ("event", "an event"), ("schedule", "a schedule")]
)
def test_a_cause_in_words(cause: Cause, words: str) -> None:
    assert a_cause(cause) == words
