"""What Slack reports, and what is none of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.slack.buttons import value
from tasks.slack.touch import Person, touch
from tests.tasks.slack.test_message import row

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "user", "id", "actions", "action_id", "value", "view", "state", "values", "channel"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(
    st.sampled_from(["block_actions", "view_submission", "view_closed"]), st.dictionaries(st.text(), JUNK), JUNK, JUNK
)
def test_what_is_not_formed_as_slacks_payloads_are_is_nothing(
    kind: str, payload: dict[str, Any], actions: object, user: object
) -> None:
    assert touch({**payload, "type": kind, "actions": actions, "view": actions, "user": user}) is None


@pytest.mark.parametrize("ask_id", ["r:main:call_1", "r:main:a b", "r:main:<&>%20é\n", " "])
def test_a_button_names_its_question_whatever_the_name(ask_id: str) -> None:
    """Slack gives what a button carries back with &, < and > escaped, so none of them is in it."""
    one = row(ask_id=ask_id)
    assert not set("&<>") & set(value(one))
    clicks: list[dict[str, Any]] = [
        {"action_id": "deny", "block_id": value(one)},
        {"action_id": "deny", "block_id": "x", "value": value(one)},
        {"action_id": "more", "block_id": value(one), "selected_option": {"value": "take_over"}},
    ]
    for click in clicks:
        it = touch({"type": "block_actions", "user": {"id": "U1"}, "actions": [click]})
        assert it is not None
        assert (it.ask_id, it.digest, it.person.id) == (ask_id, one.digest, "U1")


@pytest.mark.parametrize("act", ["approve", "deny", "edit", "sign", "", None, 7])
def test_an_entry_that_the_menu_does_not_have_is_nothing(act: object) -> None:
    click = {"action_id": "more", "block_id": value(row()), "selected_option": {"value": act}}
    assert touch({"type": "block_actions", "user": {"id": "U1"}, "actions": [click]}) is None


def test_a_persons_name_is_shown_as_it_is_and_bounded() -> None:
    assert Person(id="U1", name="an\u202ena" + "x" * 200).by.startswith("slack:U1 an‹U+202E›na")
    assert len(Person(id="U1", name="x" * 200).by) == len("slack:U1 ") + 80
