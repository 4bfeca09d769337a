"""Mutants of one text: pieces put in, taken out, doubled and swapped at any place. Does the policy allow what they make?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, Final

from hypothesis import strategies as st

from midwatch.calls import parse_call
from midwatch.errors import CallError
from midwatch.policy import Policy

MANY: Final = 25
"""Mutants at once: drawing each by itself would take longer than trying it."""


def mutants(seeds: Sequence[str], pieces: Sequence[str], most: int = 4) -> st.SearchStrategy[list[str]]:
    """Texts that are up to `most` changes away from one of `seeds`."""
    return several(lambda chance: _mutant(chance, seeds, pieces, most))


def several(make: Callable[[Random], str]) -> st.SearchStrategy[list[str]]:
    """Texts that `make` makes of a source of chance, which one drawn number decides."""
    return st.integers(0, 2**64 - 1).map(Random).map(lambda chance: [make(chance) for _ in range(MANY)])


def _mutant(chance: Random, seeds: Sequence[str], pieces: Sequence[str], most: int) -> str:
    text = chance.choice(seeds)
    for _ in range(chance.randint(1, most)):
        start = chance.randint(0, len(text))
        end = min(len(text), start + chance.randint(0, 6))
        match chance.randrange(4):
            case 0:
                text = text[:start] + chance.choice(pieces) + text[start:]
            case 1:
                text = text[:start] + text[end:]
            case 2:
                text = text[:end] + text[start:]
            case _:
                text = text[:start] + chance.choice(pieces) + text[end:]
    return text


def is_allowed(policy: Policy, tool: str, arguments: Mapping[str, Any]) -> bool:
    """A call that cannot be read is none."""
    try:
        return policy.decide(parse_call(tool, arguments)).verdict == "allow"
    except CallError:
        return False
