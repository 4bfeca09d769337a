"""What Slack reports, and what is none of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.slack.door import Person, touch
from tasks.slack.message import value
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


@settings(deadline=None)
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
    payload = {"type": "block_actions", "user": {"id": "U1"}, "actions": [{"action_id": "deny", "value": value(one)}]}
    it = touch(payload)
    assert it is not None
    assert (it.ask_id, it.digest, it.person.id) == (ask_id, one.digest, "U1")


def test_a_persons_name_is_shown_as_it_is_and_bounded() -> None:
    assert Person(id="U1", name="an\u202ena" + "x" * 200).by.startswith("slack:U1 an‹U+202E›na")
    assert len(Person(id="U1", name="x" * 200).by) == len("slack:U1 ") + 80
