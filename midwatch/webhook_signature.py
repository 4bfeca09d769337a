"""Webhook: did the holder of the secret send exactly these bytes, just now? Four senders' ways to sign; no I/O, no clock.

github  `X-Hub-Signature-256: sha256=HEX` over the body. It has no time, and the delivery's id is not signed.
slack   `X-Slack-Signature: v0=HEX` over `v0:TIMESTAMP:BODY`, with `X-Slack-Request-Timestamp`.
stripe  `Stripe-Signature: t=TIMESTAMP,v1=HEX[,v1=HEX...]` over `TIMESTAMP.BODY`; several while a secret is being changed.
hmac    `webhook-signature: v1,BASE64[ v1,BASE64...]` over `ID.TIMESTAMP.BODY`, with `webhook-id` and `webhook-timestamp`:
        the symmetric scheme of Standard Webhooks (standardwebhooks.com). A secret `whsec_...` is base64, any other is text.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, assert_never

from midwatch.arrival_spec import Scheme

_SECONDS: Final = re.compile(r"[0-9]{1,12}")
_PREFIX: Final = "whsec_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    verdict: Literal["genuine", "forged", "stale"]
    why: str
    """For the operator's log, never for the sender."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signed:
    """What the headers claim, read but not believed."""

    content: bytes
    offered: tuple[str, ...]
    seconds: str | None
    """Unix time; None: the scheme has none."""


def proof(
    scheme: Scheme, secret: str, headers: Mapping[str, str], body: bytes, *, now: datetime, tolerance: timedelta
) -> Proof:
    """Whether it is genuine. `headers` have lower-case names. An empty secret, or an empty key in it, proves nothing."""
    key = _key(scheme, secret)
    if not key:
        return _forged("there is no secret to hold it against, or nothing in it: set one of 32 random bytes")
    signed = _signed(scheme, headers, body)
    if not signed.offered:
        return _forged("it has no signature")
    if signed.seconds is not None and not _SECONDS.fullmatch(signed.seconds):
        return _forged("it does not say when it was signed")
    if not _is_one_of(_signature(scheme, key, signed.content), signed.offered):
        return _forged("its signature is not made with this secret")
    if signed.seconds is not None and abs(now.timestamp() - int(signed.seconds)) > tolerance.total_seconds():
        return Proof(verdict="stale", why=f"it was signed at {signed.seconds}, too far from our time")
    return Proof(verdict="genuine", why="the signature holds")


def _signed(scheme: Scheme, headers: Mapping[str, str], body: bytes) -> _Signed:
    match scheme:
        case "github":
            return _Signed(
                content=body, offered=_after("sha256=", [headers.get("x-hub-signature-256", "")]), seconds=None
            )
        case "slack":
            seconds = headers.get("x-slack-request-timestamp", "")
            offered = _after("v0=", [headers.get("x-slack-signature", "")])
            return _Signed(content=b"v0:" + _bytes(seconds) + b":" + body, offered=offered, seconds=seconds)
        case "stripe":
            parts = [part.strip() for part in headers.get("stripe-signature", "").split(",")]
            times = _after("t=", parts)
            seconds = times[0] if len(times) == 1 else ""
            return _Signed(content=_bytes(seconds) + b"." + body, offered=_after("v1=", parts), seconds=seconds)
        case "hmac":
            name, seconds = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
            offered = _after("v1,", headers.get("webhook-signature", "").split(" "))
            return _Signed(
                content=b".".join([_bytes(name), _bytes(seconds), body]),
                offered=offered if name else (),
                seconds=seconds,
            )
        case _:
            assert_never(scheme)


def _signature(scheme: Scheme, key: bytes, content: bytes) -> str:
    digest = hmac.digest(key, content, hashlib.sha256)
    return base64.b64encode(digest).decode() if scheme == "hmac" else digest.hex()


def _key(scheme: Scheme, secret: str) -> bytes:
    if scheme != "hmac" or not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError:
        return secret.encode()  # a text that only looks like one


def _is_one_of(right: str, offered: Iterable[str]) -> bool:
    """Compares with all of them, each in the same time whatever it holds."""
    return bool(sum([hmac.compare_digest(_bytes(one), right.encode()) for one in offered]))


def _after(prefix: str, texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(text.removeprefix(prefix) for text in texts if text.startswith(prefix) and text != prefix)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _forged(why: str) -> Proof:
    return Proof(verdict="forged", why=why)
