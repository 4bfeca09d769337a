from __future__ import annotations

import time
from typing import Any

import pytest

from midwatch.calls import parse_call
from midwatch.policy.sinks import MAX_TEXT, TooMany, account_in, places_in, sinks_of
from midwatch.risk import Risk, ToolFacts


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("Write to eve@evil.example, please.", {"eve@evil.example"}),
        ("mailto:Eve@Evil.Example?subject=x", {"eve@evil.example"}),
        ("see https://evil.example/a?b=c.", {"https://evil.example/a?b=c"}),
        ("[here](HTTPS://EVIL.example/x)", {"https://evil.example/x"}),
        ("<a href='https://evil.example'>", {"https://evil.example"}),
        ("at:https://evil.example", {"https://evil.example"}),
        ("ftp://evil.example/f and ssh://h.example", {"ftp://evil.example/f", "ssh://h.example"}),
        ("go to www.evil.example now", {"www.evil.example"}),
        ("go to evil.com/login", {"evil.com/login"}),
        ("go to evil.com.", {"evil.com"}),
        ("go to evil.example, or EVIL.ru!", {"evil.example", "evil.ru"}),
        ("to=evil.com:8443/a?b=c", {"evil.com:8443/a?b=c"}),
        ("//a.evil.example:80/?b=c@d", {"a.evil.example:80/?b=c@d"}),
        ("//evil.example/x.png", {"evil.example/x.png"}),
        ("ｅｖｉｌ.com and e\u200bve@evil.example", {"evil.com", "eve@evil.example"}),
        ("eve&#64;evil.example", {"eve@evil.example"}),
        ("pay GB29 NWBK 6016 1331 9268 19 today", {"gb29nwbk60161331926819"}),
        ("pay GB29NWBK60161331926819.", {"gb29nwbk60161331926819"}),
        ("IBAN:US133000000121212121212", {"us133000000121212121212"}),
        ("card 4111 1111 1111 1111", {"4111111111111111"}),
        ("account no. 12345678", {"12345678"}),
        ("call +41441234567", {"41441234567"}),
        ("to 0x52908400098527886E0F7030069857D2E4169EE7", {"0x52908400098527886e0f7030069857d2e4169ee7"}),
    ],
)
def test_links_addresses_and_account_numbers_are_found_in_free_text(text: str, places: set[str]) -> None:
    assert set(places_in(text)) == places


@pytest.mark.parametrize(
    "text",
    [
        "The meeting is on 2024-05-16 at 10:00, or 20240516, or 16.05.2024.",
        "Olivia Smith: 4\n-Mia Anderson: 2",
        "See report.docx, feedback.xlsx, setup.py and README.md; e.g. 3/4 and/or more.",
        "It cost 1,200.50 or 98.70, order 4711, version 1.2.3.",
        "butter\n- brown sugar\n- white sugar",
        "ab12 is the room where we work days",
        "@alice knows it; a@b does not",
    ],
)
def test_ordinary_prose_names_no_place(text: str) -> None:
    assert list(places_in(text)) == []


def test_an_account_number_is_one_however_it_is_grouped() -> None:
    assert account_in("gb29 nwbk-6016 1331 9268 19") == account_in("gb29nwbk60161331926819")
    assert account_in("spotify") is None


def sinks(risk: Risk, declared: tuple[str, ...] | None, args: dict[str, Any]) -> set[tuple[str, str]]:
    found = sinks_of(parse_call("send", args), ToolFacts(risk=risk, sinks=declared))
    return {(sink.argument, sink.said) for sink in found}


def test_the_arguments_that_a_tool_declares_are_sinks_and_the_others_are_searched() -> None:
    args = {"to": ["Bob@x.example", "a@y.example; b@y.example"], "cc": None, "text": "see www.evil.example", "n": 5}
    assert sinks("egress", ("to", "cc"), args) == {
        ("to", "bob@x.example"),
        ("to", "a@y.example"),
        ("to", "b@y.example"),
        ("text", "www.evil.example"),
    }


def test_of_a_tool_that_sends_and_says_nothing_every_argument_is_a_sink() -> None:
    assert sinks("execute", None, {"a": "x", "b": {"c": 7}}) == {("a", "x"), ("b", "c"), ("b", "7")}


@pytest.mark.parametrize("risk", ["read", "note", "write", "destroy"])
def test_a_tool_that_sends_nothing_has_the_sinks_that_it_declares_and_no_others(risk: Risk) -> None:
    args = {"path": "a.txt", "with": "bob@x.example", "content": "https://evil.example"}
    assert sinks(risk, None, args) == set()
    assert sinks(risk, ("with",), args) == {("with", "bob@x.example")}


def test_what_is_too_long_to_search_is_said_to_be() -> None:
    with pytest.raises(TooMany, match="characters of text"):
        sinks("egress", (), {"text": "a" * (MAX_TEXT + 1)})
    with pytest.raises(TooMany, match="places"):
        sinks("egress", (), {"text": " ".join(f"a{n}@x.example" for n in range(3000))})


@pytest.mark.parametrize(
    "piece", ["a.", "a", "www.", "1", "gb29 ", "0000 ", "a@", "://", "a:", "x-", "&#64;", "gb29nwbk", "\u200b."]
)
def test_the_search_takes_time_in_proportion_to_the_text(piece: str) -> None:
    text = piece * (MAX_TEXT // len(piece))
    began = time.process_time()
    list(places_in(text))
    assert time.process_time() - began < 2
