"""Path patterns agree with the plain definition of `*` and `**`, and take no longer than the text is long."""

from __future__ import annotations

import re
import time
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.policy.globs import compiled
from midwatch.policy.requests import request_pattern

NAMES = st.lists(st.text("ab", min_size=1, max_size=3), min_size=1, max_size=6)
WANTED = st.lists(st.just("**") | st.text("ab*", min_size=1, max_size=4).map(lambda text: re.sub(r"\*+", "*", text)))


def means(wanted: list[str], names: list[str]) -> bool:
    match wanted:
        case []:
            return not names
        case ["**", *rest]:
            return any(means(rest, names[skipped:]) for skipped in range(len(names) + 1))
        case _:
            return bool(names) and fnmatchcase(names[0], wanted[0]) and means(wanted[1:], names[1:])


@given(WANTED.filter(lambda wanted: 0 < len(wanted) < 6 and wanted.count("**") <= 3), NAMES)
def test_a_pattern_means_what_its_definition_says(wanted: list[str], names: list[str]) -> None:
    found = compiled("/".join(wanted), "/r", fold=False).fullmatch("/" + "/".join(["r", *names]))
    assert (found is not None) is means(wanted, names)


@pytest.mark.parametrize("pattern", ["**/a/**/b/**/c", "a*a*a*a*a*b", "**/*a*/**/*b*/**/*c*x"])
@pytest.mark.parametrize("text", ["a/b/" * 1000, "a" * 4000, "ab" * 2000 + "c"], ids=["names", "letters", "pairs"])
def test_no_path_takes_long(pattern: str, text: str) -> None:
    of_url = request_pattern(f"GET https://a.example/{pattern}/**").loose
    assert of_url is not None
    begun = time.process_time()
    compiled(pattern, "/r", fold=True).fullmatch(f"/r/{text}")
    of_url.fullmatch(f"/{text}")
    assert time.process_time() - begun < 1
