from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from midwatch.ask_context import Preview
from tasks.tools.changes import COMPARED, NO_NEWLINE, change_of

FILES = st.lists(st.sampled_from(["a", "b", "", "+c", "-d", " e", "@@", "\\ f", "g\r"]), max_size=30).map("\n".join)


def changed(old: str, new: str) -> Preview:
    change = change_of("notes.txt", old.encode(), new)
    assert change is not None
    return change


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
    change = change_of("notes.txt", None, "all of it\n")
    assert change == Preview(
        label="There is no such file yet; all of it would be", text="all of it\n", instead_of=("content",)
    )


def test_what_cannot_be_compared_is_shown_as_the_arguments_have_it() -> None:
    assert change_of("notes.txt", b"\xff\xfe", "text") is None
    assert change_of("notes.txt", b"a\n" * COMPARED, "text") is None
