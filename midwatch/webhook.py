"""Webhook: what was delivered? The body as a value, the delivery's own id, and the greetings that want an answer at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn, assert_never
from urllib.parse import parse_qsl

from midwatch.arrival_spec import Scheme

LONGEST_ID: Final = 120
FIELDS: Final = 1000
FORM: Final = "application/x-www-form-urlencoded"
_KEPT: Final = ("x-github-", "x-slack-", "webhook-", "content-type", "user-agent")


class Unreadable(ValueError):
    """The body is neither JSON nor a form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Genuine, and read."""

    id: str
    """The sender's name for it: the same when it is sent again."""
    document: Mapping[str, Any]
    """`body` and `headers`."""
    greeting: str | None = None
    """The answer to a sender who only asks whether anybody is there; None: it is about something."""


def delivery(scheme: Scheme, headers: Mapping[str, str], body: bytes) -> Delivery:
    """Read what was delivered. `headers` have lower-case names.

    Raises:
        Unreadable: says why.
    """
    value = _value(headers.get("content-type", ""), body)
    document = {"body": value, "headers": {name: text for name, text in headers.items() if _is_kept(name)}}
    return Delivery(
        id=delivery_id(scheme, headers, value, body), document=document, greeting=_greeting(scheme, headers, value)
    )


def delivery_id(scheme: Scheme, headers: Mapping[str, str], value: Any, body: bytes) -> str:
    """What the sender calls it, else the digest of its body."""
    match scheme:
        case "github":
            named: Any = headers.get("x-github-delivery")
        case "slack":
            named = value.get("event_id") if isinstance(value, dict) else None
        case "stripe":
            named = value.get("id") if isinstance(value, dict) else None
        case "hmac":
            named = headers.get("webhook-id")
        case _:
            assert_never(scheme)
    if not isinstance(named, str) or not named:
        return f"sha256:{hashlib.sha256(body).hexdigest()}"
    return named if len(named) <= LONGEST_ID else f"sha256:{hashlib.sha256(named.encode()).hexdigest()}"


def _greeting(scheme: Scheme, headers: Mapping[str, str], value: Any) -> str | None:
    if scheme == "slack" and isinstance(value, dict) and value.get("type") == "url_verification":
        return str(value.get("challenge", ""))
    return "pong" if scheme == "github" and headers.get("x-github-event") == "ping" else None


def _value(kind: str, body: bytes) -> Any:
    """JSON, or a form as an object of texts; a form with `payload` is the JSON in it, as GitHub and Slack send it."""
    try:
        text = body.decode("utf-8")
        if kind.partition(";")[0].strip().lower() != FORM:
            return _json(text)
        form = dict(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=FIELDS))
        return _json(form["payload"]) if "payload" in form else form
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"its body is neither JSON nor a form: {error}") from error


def _json(text: str) -> Any:
    return json.loads(text, parse_constant=_no_number)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _is_kept(name: str) -> bool:
    return name.startswith(_KEPT) and "signature" not in name
