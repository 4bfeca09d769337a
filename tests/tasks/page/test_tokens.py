from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.page.tokens import LONGEST, SESSION, Seen, Signer, holder_of
from tests.tasks.slack.waiting import asks, open_ledger_of

pytestmark = pytest.mark.usefixtures("ledger_url")  # a copy is cheaper than one that is made

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
SIGNER = Signer("one key", "midwatch:one")
SEEN = (Seen(ask_id="run:main:1", digest="d" * 64),)


async def test_a_link_says_who_may_decide_what_and_until_when(tmp_path: Path) -> None:
    async with open_ledger_of(tmp_path) as ledger:
        row = await asks(ledger, minutes=60)
    assert row.deadline is not None
    soon = row.deadline - timedelta(minutes=10)
    link = SIGNER.read_link(SIGNER.link([row], "anna", soon))
    assert link is not None
    assert (link.person, link.ask_ids) == ("anna", (row.ask_id,))
    assert link.questions[0].digest == row.digest
    assert abs(link.expires - row.deadline) < timedelta(seconds=1)


async def test_a_link_is_good_for_a_day_at_most_whatever_the_deadline(tmp_path: Path) -> None:
    async with open_ledger_of(tmp_path) as ledger:
        late, never = await asks(ledger, minutes=60 * 24 * 9), await asks(ledger, "main:2", deadline=None)
    for row in (late, never):
        link = SIGNER.read_link(SIGNER.link([row], "anna", NOW))
        assert link is not None
        assert link.expires == NOW + LONGEST


async def test_another_house_and_another_purpose_read_nothing(tmp_path: Path) -> None:
    async with open_ledger_of(tmp_path) as ledger:
        token = SIGNER.link([await asks(ledger)], "anna", NOW)
    assert replace(SIGNER, key="another").read_link(token) is None
    assert SIGNER.read_session(token, NOW) is None
    assert SIGNER.read_form(token, "anybody") is None
    assert SIGNER.read_link(SIGNER.session(NOW)) is None


@given(st.text(max_size=200))
def test_what_was_not_signed_is_nothing(token: str) -> None:
    assert SIGNER.read_link(token) is None
    assert SIGNER.read_session(token, NOW) is None
    assert SIGNER.read_form(token, "") is None


@given(st.data())
def test_a_token_with_another_character_is_nothing(data: st.DataObject) -> None:
    token = SIGNER.form("holder", SEEN)
    place = data.draw(st.integers(0, len(token) - 2))  # the last one may hold bits that mean nothing
    other = data.draw(st.sampled_from("ABCXYZabcxyz019-_.").filter(lambda sign: sign != token[place]))
    assert SIGNER.read_form(token[:place] + other + token[place + 1 :], "holder") is None


def test_a_form_is_good_for_the_one_for_whom_it_was_made() -> None:
    token = SIGNER.form(holder_of("one"), SEEN)
    assert SIGNER.read_form(token, holder_of("one")) == SEEN
    assert SIGNER.read_form(token, holder_of("other")) is None


def test_a_login_ends_after_a_watch_and_with_the_password() -> None:
    cookie = SIGNER.session(NOW)
    assert SIGNER.read_session(cookie, NOW + SESSION - timedelta(seconds=1)) is not None
    assert SIGNER.read_session(cookie, NOW + SESSION) is None
    assert replace(SIGNER, password="midwatch:another").read_session(cookie, NOW) is None


def test_neither_key_nor_password_is_shown() -> None:
    assert "one" not in repr(SIGNER)
