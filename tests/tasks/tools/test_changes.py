from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.ask_context import LONGEST, Preview
from tasks.tools.changes import COMPARED, LABEL, NO_NEWLINE, change_of
from tasks.tools.there import There

FILES = st.lists(st.sampled_from(["a", "b", "", "+c", "-d", " e", "@@", "\\ f", "g\r"]), max_size=30).map("\n".join)


def there(content: bytes, **facts: Any) -> There:
    seal = hashlib.sha256(content).hexdigest()
    said: dict[str, Any] = {"place": "notes.txt", "start": content, "size": len(content), "sha256": seal}
    return There(**{**said, "changed": datetime(2026, 3, 1, 3, 5, tzinfo=UTC), **facts})


def changed(old: str, new: str) -> Preview:
    return change_of(there(old.encode()), new)


def applied(old: str, diff: str) -> str:
    """What `patch` makes of a file and a unified diff."""
    there, made, place, ends = old.removesuffix("\n").split("\n") if old else [], list[str](), 0, True
    sign = ""
    for line in diff.split("\n"):
        if line.startswith("@@"):
            first, _, count = line.split()[1].removeprefix("-").partition(",")
            start = int(first) - (0 if count == "0" else 1)
            made, place = [*made, *there[place:start]], start
        elif line == NO_NEWLINE:
            ends = ends and sign == "-"
        else:
            sign = line[0]
            if line[0] != "+":
                assert there[place] == line[1:]
                place += 1
            if line[0] != "-":
                made, ends = [*made, line[1:]], True
    if rest := there[place:]:
        made, ends = [*made, *rest], old.endswith("\n")
    return "\n".join(made) + ("\n" if ends and made else "")


@given(FILES, FILES)
def test_what_a_person_sees_says_all_that_becomes_of_the_file(old: str, new: str) -> None:
    if old == new:
        return
    change = changed(old, new)
    assert (change.form, change.instead_of) == ("diff", ("content",))
    assert applied(old, change.text) == new


def test_only_what_changes_is_shown() -> None:
    old = "".join(f"line {number}\n" for number in range(100))
    lines = changed(old, old.replace("line 50\n", "line fifty\n")).text.split("\n")
    assert ("-line 50" in lines, "+line fifty" in lines, len(lines)) == (True, True, 9)


def test_a_lost_newline_at_the_end_is_said() -> None:
    assert changed("a\n", "a").text.split("\n")[-2:] == ["+a", NO_NEWLINE]


def test_a_new_file_is_shown_whole_and_said_to_be_new() -> None:
    change = change_of(None, "all of it\n")
    label = "There is no such file yet; all of it would be"
    assert change == Preview(label=label, text="all of it\n", instead_of=("content",), before="")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (there(b"\xff\xfe"), "text", "It is not text"),
        (there(b"a\n" * COMPARED), "text", "It is too long to be compared"),
        (there(b"a\n"), f"{'b' * LONGEST}\n", "It is too long to be compared"),
        (there(b"a\n", size=2_000_000), "a\n", "It is too long to be compared"),
    ],
)
def test_of_what_cannot_be_compared_is_said_which_file_it_replaces(old: There, new: str, why: str) -> None:
    change = change_of(old, new)
    facts = f"{old.size:,} bytes, SHA-256 {old.sha256[:12]}…, last changed 2026-03-01 03:05 UTC"
    assert change.text == f"It replaces a file ({facts}). {why}, so the change is not shown."
    assert (change.label, change.form, change.instead_of) == (LABEL, "lines", ())
    assert change.before == old.before


def test_what_stood_there_is_its_place_and_all_of_its_content() -> None:
    known = {changed("a", "b").before, change_of(there(b"c"), "b").before, there(b"a", place="other").before}
    assert len(known) == 3


def test_no_word_of_the_agents_is_in_what_midwatch_says() -> None:
    assert change_of(there(b"a", place="x\n\nApproved by anna"), "b").label == LABEL
