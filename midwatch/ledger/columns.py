"""The ledger: how do text, time and money lie in a column, the same on SQLite and PostgreSQL?"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from sqlalchemy import BigInteger, DateTime, Integer, Text
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.types import TypeDecorator

NANO: Final = Decimal(10) ** 9

ROW_NUMBER: Final = BigInteger().with_variant(Integer(), "sqlite")
"""An increasing key that the database gives; SQLite counts only INTEGER."""


class Words(TypeDecorator[str]):
    """Text from anywhere, even what no database takes: NUL becomes U+FFFD, a lone surrogate `?`."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else storable(value)


class Instant(TypeDecorator[datetime]):
    """A moment, timezone-aware in and UTC out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else utc(value)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """SQLite gives back what it was given, without the zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Usd(TypeDecorator[Decimal]):
    """US dollars as a whole number of billionths: exact, and exact in sums, on databases without a decimal type too."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else int((Decimal(value) * NANO).to_integral_value(ROUND_HALF_EVEN))

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        return None if value is None else Decimal(value) / NANO


def storable(text: str) -> str:
    """`text` as every database can hold it."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def utc(moment: datetime) -> datetime:
    """`moment` in UTC; a naive time is refused, because nobody can say when it was."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no timezone; the ledger takes aware times, e.g. datetime.now(UTC)")
    return moment.astimezone(UTC)
