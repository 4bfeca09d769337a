from __future__ import annotations

import json

import pytest

from midwatch.arrival_spec import Scheme
from midwatch.webhook import LONGEST_ID, Unreadable, delivery

JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


@pytest.mark.parametrize(
    ("scheme", "headers", "body", "name"),
    [
        ("github", {"x-github-delivery": "72d3162e-cc78"}, {}, "72d3162e-cc78"),
        ("slack", {}, {"type": "event_callback", "event_id": "Ev08MFMKH6"}, "Ev08MFMKH6"),
        ("stripe", {}, {"id": "evt_1"}, "evt_1"),
        ("hmac", {"webhook-id": "msg_1"}, {"id": "another"}, "msg_1"),
    ],
)
def test_a_delivery_has_its_sender_s_name(
    scheme: Scheme, headers: dict[str, str], body: dict[str, str], name: str
) -> None:
    assert delivery(scheme, {**JSON, **headers}, json.dumps(body).encode()).id == name


@pytest.mark.parametrize("body", [b"{}", b'{"event_id": 7}', b'{"event_id": ""}', b"[1]"])
def test_one_without_a_name_is_known_by_its_bytes(body: bytes) -> None:
    assert delivery("slack", JSON, body).id == delivery("slack", JSON, body).id
    assert delivery("slack", JSON, body).id != delivery("slack", JSON, body + b" ").id


def test_a_name_of_any_length_fits_into_the_ledger() -> None:
    names = {delivery("github", {"x-github-delivery": end * 9000}, b"{}").id for end in "ab"}
    assert len(names) == 2
    assert max(map(len, names)) <= LONGEST_ID


def test_a_form_is_an_object_and_its_payload_the_json_in_it() -> None:
    assert delivery("slack", FORM, b"command=%2Fdeploy&text=").document["body"] == {"command": "/deploy", "text": ""}
    assert delivery("github", FORM, b"payload=%7B%22a%22%3A1%7D").document["body"] == {"a": 1}


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b'{"a": NaN}', b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}"], ids=str
)
def test_what_is_no_json_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable, match="neither JSON nor a form"):
        delivery("hmac", JSON, body)


def test_greetings_are_answered_and_start_nothing() -> None:
    challenge = b'{"type": "url_verification", "challenge": "3eZbrw1a"}'
    assert delivery("slack", JSON, challenge).greeting == "3eZbrw1a"
    assert delivery("github", {**JSON, "x-github-event": "ping"}, b"{}").greeting == "pong"
    assert delivery("stripe", JSON, challenge).greeting is None


def test_no_secret_and_no_signature_is_kept() -> None:
    sent = {
        **JSON,
        "x-github-event": "issues",
        "x-hub-signature-256": "sha256=1",
        "webhook-signature": "v1,1",
        "authorization": "Bearer",
        "cookie": "a=b",
    }
    assert delivery("github", sent, b"{}").document["headers"] == {**JSON, "x-github-event": "issues"}
