"""Every vector says where it was published; none of their secrets was ever one."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from midwatch.arrival_spec import Scheme
from midwatch.webhook_signature import Proof, proof

TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class Vector:
    scheme: Scheme
    secret: str
    headers: Mapping[str, str]
    body: bytes
    at: int = 1_700_000_000
    tolerance: timedelta = field(default=TOLERANCE)

    def proof(self, headers: Mapping[str, str] | None = None, *, later: float = 0) -> Proof:
        now = datetime.fromtimestamp(self.at, UTC) + timedelta(seconds=later)
        return proof(
            self.scheme, self.secret, {**self.headers, **(headers or {})}, self.body, now=now, tolerance=self.tolerance
        )


# GitHub docs, "Validating webhook deliveries", "Testing the webhook payload validation".
GITHUB = Vector(
    scheme="github",
    secret="It's a Secret to Everybody",
    headers={"x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
    body=b"Hello, World!",
)
# Slack docs, "Verifying requests from Slack".
SLACK = Vector(
    scheme="slack",
    secret="8f742231b10e8888abcd99yyyzzz85a5",
    headers={
        "x-slack-request-timestamp": "1531420618",
        "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    },
    body=(
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&"
        b"channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&"
        b"response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&"
        b"trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    ),
    at=1531420618,
)
# stripe-python 16.1.0: secret and payload of its tests/test_webhook.py, signed by its WebhookSignature._compute_signature.
STRIPE = Vector(
    scheme="stripe",
    secret="whsec_test_secret",
    headers={"stripe-signature": "t=1492774577,v1=c2f890decbc5ede7c5060bb9a6d31e0626a4342bacb9aeae2adb1bcea72f9812"},
    body=b'{\n  "id": "evt_test_webhook",\n  "object": "event"\n}',
    at=1492774577,
)
# Standard Webhooks: the test of every one of its reference libraries ("sign function").
HMAC = Vector(
    scheme="hmac",
    secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    headers={
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    },
    body=b'{"test": 2432232314}',
    at=1614265330,
)
VECTORS = {"github": GITHUB, "slack": SLACK, "stripe": STRIPE, "hmac": HMAC}
TIMED = {name: vector for name, vector in VECTORS.items() if name != "github"}


@pytest.mark.parametrize("name", VECTORS)
def test_a_published_vector_is_genuine(name: str) -> None:
    assert VECTORS[name].proof().verdict == "genuine"


@pytest.mark.parametrize("name", VECTORS)
def test_one_other_byte_or_another_secret_is_forged(name: str) -> None:
    vector = VECTORS[name]
    other = bytes([vector.body[0] ^ 1]) + vector.body[1:]
    wrong = [
        replace(vector, body=other),
        replace(vector, body=b""),
        replace(vector, secret=f"{vector.secret}x"),
        replace(vector, secret=""),
        replace(vector, headers={}),
    ]
    assert {each.proof().verdict for each in wrong} == {"forged"}


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize(("later", "verdict"), [(300, "genuine"), (-300, "genuine"), (301, "stale"), (-301, "stale")])
def test_a_replay_holds_for_the_window_alone(name: str, later: float, verdict: str) -> None:
    assert TIMED[name].proof(later=later).verdict == verdict


@pytest.mark.parametrize("later", [1, 301])
def test_another_time_than_was_signed_is_forged_however_near(later: int) -> None:
    moved = str(SLACK.at + later)
    assert SLACK.proof({"x-slack-request-timestamp": moved}, later=later).verdict == "forged"
    stripe = STRIPE.headers["stripe-signature"].replace("1492774577", str(STRIPE.at + later))
    assert STRIPE.proof({"stripe-signature": stripe}, later=later).verdict == "forged"
    assert HMAC.proof({"webhook-timestamp": str(HMAC.at + later)}, later=later).verdict == "forged"


@pytest.mark.parametrize("secret", ["", "whsec_"])
def test_a_secret_with_nothing_in_it_makes_no_signature_genuine(secret: str) -> None:
    signed = b".".join([b"msg_1", str(HMAC.at).encode(), HMAC.body])
    digest = base64.b64encode(hmac.digest(b"", signed, hashlib.sha256)).decode()
    headers = {"webhook-id": "msg_1", "webhook-signature": f"v1,{digest}"}
    assert replace(HMAC, secret=secret).proof(headers).verdict == "forged"


def test_the_id_of_a_plain_delivery_is_signed_too() -> None:
    assert HMAC.proof({"webhook-id": "msg_of_another"}).verdict == "forged"
    assert HMAC.proof({"webhook-id": ""}).verdict == "forged"


def test_one_right_signature_among_several_is_enough() -> None:
    right = STRIPE.headers["stripe-signature"].partition(",")[2]
    several = f"t=1492774577,v1={'0' * 64},{right},v0={'1' * 64}"
    assert STRIPE.proof({"stripe-signature": several}).verdict == "genuine"
    both = f"v1,{'A' * 43}= v1a,abc {HMAC.headers['webhook-signature']}"
    assert HMAC.proof({"webhook-signature": both}).verdict == "genuine"


@pytest.mark.parametrize(
    ("vector", "name", "value"),
    [
        (GITHUB, "x-hub-signature-256", GITHUB.headers["x-hub-signature-256"].removeprefix("sha256=")),
        (GITHUB, "x-hub-signature-256", "sha256="),
        (GITHUB, "x-hub-signature-256", "sha1=" + "0" * 40),
        (GITHUB, "x-hub-signature-256", "sha256=é\udce9"),
        (SLACK, "x-slack-request-timestamp", ""),
        (SLACK, "x-slack-request-timestamp", "1531420618 "),
        (SLACK, "x-slack-request-timestamp", "١٥٣١٤٢٠٦١٨"),
        (SLACK, "x-slack-request-timestamp", "9" * 400),
        (STRIPE, "stripe-signature", "t=1492774577"),
        (STRIPE, "stripe-signature", STRIPE.headers["stripe-signature"].replace("v1=", "v0=")),
        (STRIPE, "stripe-signature", f"t=1,{STRIPE.headers['stripe-signature']}"),
        (HMAC, "webhook-signature", HMAC.headers["webhook-signature"].removeprefix("v1,")),
        (HMAC, "webhook-signature", "v1,"),
    ],
)
def test_a_header_of_another_form_is_forged(vector: Vector, name: str, value: str) -> None:
    assert vector.proof({name: value}).verdict == "forged"


def test_a_secret_that_is_no_base64_is_a_text() -> None:
    plain = replace(HMAC, secret="plain text", headers={**HMAC.headers})
    assert plain.proof().verdict == "forged"
    signed = "v1,jqwBeuO37ldYigaSHqcC7YjqBJtOOulPztOWrj1DjXA="
    assert plain.proof({"webhook-signature": signed}).verdict == "genuine"
