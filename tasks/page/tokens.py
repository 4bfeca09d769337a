"""The page: who may see and decide what, and until when? Signed with the house's key, so that nothing has to be kept.

itsdangerous signs (HMAC-SHA256, a key of its own for each purpose). What is signed can be read by whoever has it, but not
made or changed. A link and a session end by themselves; a link decides each of its questions once, as the ledger has it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from itsdangerous import BadSignature, URLSafeSerializer

from midwatch.ledger import AskRow

LONGEST: Final = timedelta(hours=24)
"""How long a link is good at most."""
SESSION: Final = timedelta(hours=4)
"""How long a login holds: a watch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A question as it was shown."""

    ask_id: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What one person may see and decide without a password."""

    questions: tuple[Seen, ...]
    person: str
    """Who it was made for: whoever has the link decides in this name."""
    expires: datetime

    @property
    def ask_ids(self) -> tuple[str, ...]:
        return tuple(one.ask_id for one in self.questions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A login."""

    id: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class Signer:
    """Makes and reads what the page signs; reading gives None where it was not signed so by this house."""

    key: str = field(repr=False)
    password: str = field(repr=False)
    """A login ends when it is changed."""

    def link(self, asks: Iterable[AskRow], person: str, now: datetime) -> str:
        """The token of a link to these questions, good until the last of their deadlines, for a day at most."""
        rows = list(asks)
        deadlines = [row.deadline or now + LONGEST for row in rows]
        expires = min(max(deadlines, default=now), now + LONGEST)
        seen = [[row.ask_id, row.digest] for row in rows]
        return self._signed("link", {"q": seen, "p": person, "x": int(expires.timestamp())})

    def read_link(self, token: str) -> Link | None:
        """Also one that is expired: then nothing is shown for it."""
        said = self._read("link", token)
        if said is None:
            return None
        return Link(questions=_seen(said["q"]), person=str(said["p"]), expires=_instant(said["x"]))

    def session(self, now: datetime) -> str:
        """The cookie of somebody who gave the password."""
        facts = {"id": secrets.token_urlsafe(16), "x": int((now + SESSION).timestamp())}
        return self._signed(self._login, facts)

    def read_session(self, cookie: str, now: datetime) -> Session | None:
        said = self._read(self._login, cookie)
        if said is None or now >= _instant(said["x"]):
            return None
        return Session(id=str(said["id"]), expires=_instant(said["x"]))

    def form(self, holder: str, questions: Iterable[Seen]) -> str:
        """What a form carries: for which link or login it was made, and which calls it showed."""
        return self._signed("form", {"of": holder, "q": [[one.ask_id, one.digest] for one in questions]})

    def read_form(self, token: str, holder: str) -> tuple[Seen, ...] | None:
        """Which questions a form showed that was made for `holder`."""
        said = self._read("form", token)
        return None if said is None or said["of"] != holder else _seen(said["q"])

    def offer(self, holder: str, facts: dict[str, Any]) -> str:
        """What a form carries that signs a mandate: the whole of it."""
        return self._signed("offer", {"of": holder, "facts": facts})

    def read_offer(self, token: str, holder: str) -> dict[str, Any] | None:
        """The mandate that was shown in a form made for `holder`."""
        said = self._read("offer", token)
        return None if said is None or said["of"] != holder else dict(said["facts"])

    @property
    def _login(self) -> str:
        return f"login {hashlib.sha256(self.password.encode()).hexdigest()}"

    def _signed(self, purpose: str, facts: dict[str, Any]) -> str:
        return str(self._serializer(purpose).dumps(facts))

    def _read(self, purpose: str, token: str) -> dict[str, Any] | None:
        try:
            said: dict[str, Any] = self._serializer(purpose).loads(token)
        except BadSignature:
            return None
        return said

    def _serializer(self, purpose: str) -> URLSafeSerializer:
        how = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
        return URLSafeSerializer(self.key, salt=f"midwatch page {purpose}", signer_kwargs=how)


def holder_of(token: str) -> str:
    """Which link or login this is, without saying it."""
    return hashlib.sha256(token.encode()).hexdigest()[:32]


def _seen(pairs: Iterable[tuple[str, str]]) -> tuple[Seen, ...]:
    return tuple(Seen(ask_id=ask_id, digest=digest) for ask_id, digest in pairs)


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
