"""Columns: what text, times and money become on their way to the disk."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from midwatch.ledger.columns import Usd, storable, utc

DIALECT = sqlite.dialect()


@given(st.text(st.characters()))
def test_whatever_text_comes_can_be_stored_and_stays(words: str) -> None:
    once = storable(words)
    assert "\x00" not in once.encode().decode()
    assert storable(once) == once


@given(st.decimals(0, 1_000_000, places=9))
def test_money_comes_back_to_the_billionth(amount: Decimal) -> None:
    stored = Usd().process_bind_param(amount, DIALECT)
    assert Usd().process_result_value(stored, DIALECT) == amount


def test_a_time_is_kept_in_utc_and_never_guessed() -> None:
    assert utc(datetime.fromisoformat("2026-03-01T05:00:00+02:00")) == datetime(2026, 3, 1, 3, tzinfo=UTC)
    with pytest.raises(ValueError, match="has no timezone"):
        utc(datetime.fromisoformat("2026-03-01T05:00:00"))
