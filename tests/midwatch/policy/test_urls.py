"""URL rules: rule x request -> verdict. No name is resolved and nothing is requested."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.calls import parse_call
from midwatch.decision import Decision
from midwatch.errors import SpecError
from midwatch.policy import PolicyContext, address_is_public, compile_policy
from midwatch.policy.urls import read_url
from midwatch.spec import Rules

ALLOW = ["GET https://api.example.com/**", "GET https://*.corp.example/**", "POST https://api.example.com/v1/orders"]
PUBLIC = ["GET https://*/**", "GET http://*/**"]
UNDER = ["GET https://api.example.com/public/**"]


def decided(allow: list[str], url: object, *addresses: str, method: str = "GET", **more: Any) -> Decision:
    rules = Rules(allow=[{"http_request": allow}], ask=[{"http_request": "DELETE https://api.example.com/**"}])
    policy = compile_policy(rules, tools={"http_request": "egress"}, roots={}, project=Path("/"))
    call = parse_call("http_request", {"method": method, "url": url, **more})
    return policy.decide(call, PolicyContext(addresses=addresses))


GRANTED = [
    (ALLOW, "https://api.example.com"),
    (ALLOW, "HTTPS://API.example.com:443/v1?next=https%3A%2F%2Fevil.test%2F#@evil.test/"),
    (ALLOW, "https://api.example.com/v1?x=@evil.test&q={a}|b"),
    (ALLOW, "https://api.example.com/a//b/../c;id=3/%7Ex/caf\u00e9"),
    (ALLOW, "https://a.b.corp.example/x"),
    (UNDER, "https://api.example.com/public"),
    (UNDER, "https://api.example.com/x/../public/./a%20b"),
    (PUBLIC, "http://93.184.216.34/"),
    (PUBLIC, "http://172.32.0.1/"),
    (PUBLIC, "http://[2606:4700:4700::1111]/"),
    (PUBLIC, "https://127.0.0.1.example.org/"),
    (ALLOW, "https://api.example.com?q=a%0Ab"),
    (UNDER, "https://api.example.com/public/...;v=1/a.b/..c"),
    (["GET http://{public}/x"], "http://example.org/x"),
    (["GET http://{private}/**"], "http://10.0.0.5:80/x"),
    (["GET http://{private}/**"], "http://localhost/x"),
]


@pytest.mark.parametrize(("allow", "url"), GRANTED)
def test_requests_that_a_rule_names_are_allowed(allow: list[str], url: str) -> None:
    assert decided(allow, url).verdict == "allow"


REFUSED = [
    (ALLOW, "https://evil.test/api.example.com"),
    (ALLOW, "https://corp.example/"),
    (ALLOW, "https://evilcorp.example/"),
    (ALLOW, "https://.corp.example/"),
    (ALLOW, "https://wiki.corp.example.evil.test/"),
    (ALLOW, "http://api.example.com/"),
    (ALLOW, "https://api.example.com:8443/"),
    (ALLOW, "https://api.example.com:0/"),
    (ALLOW, "https://api.example.com:00443/"),
    (ALLOW, "https://api.example.com:65979/"),
    (ALLOW, "https://api.example.com:443abc/"),
    (ALLOW, "https://api.example.com:/"),
    (ALLOW, "https://user@api.example.com/"),
    (ALLOW, "https://api.example.com@evil.test/"),
    (ALLOW, "https://evil.test\\@api.example.com/"),
    (ALLOW, "https:/\\api.example.com/"),
    (ALLOW, "https:api.example.com"),
    (ALLOW, "https:///api.example.com/"),
    (ALLOW, "//api.example.com/"),
    (ALLOW, "ftp://api.example.com/"),
    (ALLOW, "https://api.example.com%2eevil.test/"),
    (ALLOW, "https://api.exa\tmple.com/"),
    (ALLOW, " https://api.example.com/"),
    (ALLOW, "https://api.example.com/\r\nHost: evil.test"),
    (ALLOW, "https://api.example.com/a b"),
    (ALLOW, "https://\uff41pi.example.com/"),
    (ALLOW, "https://wiki.c\u043erp.example/"),
    (ALLOW, "https://api\u3002example.com/"),
    (ALLOW, "https://{api.example.com,evil.test}/"),
    (ALLOW, ""),
    (ALLOW, None),
    (ALLOW, ["https://api.example.com/"]),
    (UNDER, "https://api.example.com/publicity"),
    (UNDER, "https://api.example.com/public/../admin"),
    (UNDER, "https://api.example.com/public/%2e%2e/admin"),
    (UNDER, "https://api.example.com/public/..%2fadmin"),
    (UNDER, "https://api.example.com/public/%252e%252e/admin"),
    (UNDER, "https://api.example.com/public/..;/admin"),
    (UNDER, "https://api.example.com/public//../../admin"),
    (UNDER, "https://api.example.com/public\\..\\admin"),
    (UNDER, "https://api.example.com/PUBLIC/x"),
    (UNDER, "https://api.example.com/public/;/../admin"),
    (UNDER, "https://api.example.com/public/%c0%ae%c0%ae/admin"),
    (UNDER, "https://api.example.com/public/%ef%bc%8e%ef%bc%8e/admin"),
    (UNDER, "https://api.example.com/public/..%20/admin"),
    (ALLOW, "https://api.example.com/v1%0d%0aHost:%20evil.test"),
    (["GET http://{private}/**"], "http://example.org/x"),
]


@pytest.mark.parametrize(("allow", "url"), REFUSED)
def test_what_a_rule_does_not_name_or_parsers_differ_in_is_not_allowed(allow: list[str], url: object) -> None:
    assert decided(allow, url).verdict != "allow"


INSIDE = [
    *("localhost", "a.localhost", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "10.0.0.1"),
    *("100.64.0.1", "169.254.169.254", "0xA9FEA9FE", "192.168.0.1", "172.16.0.1", "224.0.0.1", "240.0.0.1", "0.0.0.0"),
    *("[::1]", "[::]", "[fe80::1]", "[fd00::1]", "[ff02::1]", "[fec0::1]", "[::ffff:10.0.0.1]", "[::127.0.0.1]"),
    *(
        "[2002:a9fe:a9fe::]",
        "[64:ff9b::a00:1]",
        "[2001:db8::1]",
        "[fe80::1%25eth0]",
        "\u2460\u2461\u2466.0.0.1",
        "x.internal",
    ),
    *("[3fff::1]", "[2001:20::1]", "192.0.0.192", "168.63.129.16", "192.88.99.1", "redis", "x.home.arpa"),
]


@pytest.mark.parametrize("host", INSIDE)
def test_this_machine_and_its_networks_are_not_public(host: str) -> None:
    assert decided(PUBLIC, f"http://{host}/").verdict != "allow"


def test_an_internal_host_is_reached_only_by_the_rule_that_names_it() -> None:
    assert decided(["GET http://127.0.0.1:8080/**"], "http://127.0.0.1:8080/health").verdict == "allow"
    assert decided(["GET http://localhost:8080/**"], "http://127.0.0.1:8080/health").verdict == "deny"


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "::ffff:10.0.0.1", "fe80::1%eth0", "nonsense"])
def test_a_public_name_that_resolves_inside_is_denied(address: str) -> None:
    assert decided(ALLOW, "https://api.example.com/", "93.184.216.34", address).verdict == "deny"
    assert decided(ALLOW, "https://api.example.com/", "93.184.216.34").verdict == "allow"


WIKI = ["GET https://wiki.corp.example/** at 10.20.0.0/16"]


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ((), "allow"),
        (("10.20.0.5",), "allow"),
        (("::ffff:10.20.0.5",), "allow"),
        (("10.21.0.5",), "deny"),
        (("10.20.0.5", "127.0.0.1"), "deny"),
        (("93.184.216.34",), "ask"),
    ],
)
def test_a_rule_may_name_the_network_that_a_host_is_in(addresses: tuple[str, ...], expected: str) -> None:
    assert decided(WIKI, "https://wiki.corp.example/x", *addresses).verdict == expected


def test_a_network_in_a_rule_speaks_of_addresses_that_are_written_out_too() -> None:
    inside = ["GET http://*/** at 10.0.0.0/8"]
    assert decided(inside, "http://10.0.0.5/").verdict == "allow"
    assert decided(inside, "http://127.0.0.1/").verdict == "deny"
    assert decided(inside, "http://93.184.216.34/").verdict == "ask"


def test_while_nobody_knows_where_a_host_is_a_deny_rule_for_a_network_holds() -> None:
    rules = Rules.model_validate(
        {
            "allow": [{"http_request": "GET https://*/**"}],
            "deny": [{"http_request": "* https://wiki.corp.example/** at 10.0.0.0/8"}],
        }
    )
    policy = compile_policy(rules, tools={"http_request": "egress"}, roots={}, project=Path("/"))
    call = parse_call("http_request", {"method": "GET", "url": "https://wiki.corp.example/"})
    assert policy.decide(call).verdict == "deny"
    assert policy.decide(call, PolicyContext(addresses=("93.184.216.34",))).verdict == "allow"


def test_a_rule_that_denies_what_is_private_wins_over_one_that_names_it() -> None:
    named, private = {"http_request": "GET http://127.0.0.1:8080/**"}, {"http_request": "* *://{private}/**"}
    rules = Rules.model_validate({"allow": [named], "deny": [private]})
    policy = compile_policy(rules, tools={"http_request": "egress"}, roots={}, project=Path("/"))
    call = parse_call("http_request", {"method": "GET", "url": "http://127.0.0.1:8080/"})
    assert policy.decide(call).rule.startswith("deny.http-request-private")


METHODS = [
    ("GET", "allow"),
    ("get", "allow"),
    ("POST", "ask"),
    ("DELETE", "ask"),
    ("CONNECT", "deny"),
    ("GET\r\nX", "deny"),
]


@pytest.mark.parametrize(("method", "expected"), METHODS)
def test_the_method_counts(method: str, expected: str) -> None:
    assert decided(ALLOW, "https://api.example.com/v1", method=method).verdict == expected


HEADERS: list[object] = [
    {"Host": "evil.test"},
    {"X-HTTP-Method-Override": "DELETE"},
    {"X-Forwarded-Host": "evil.test"},
    {"Proxy-Authorization": "x"},
    {"X-A": "b\r\nHost: evil.test"},
    {"X-A: b\r\nHost": "evil.test"},
    {"X-A": 1},
    {"X-A": "\u2028"},
    {"X-A": "\x85"},
    {"X-Real-IP": "127.0.0.1"},
    {"": "x"},
    ["Host"],
    None,
]


@pytest.mark.parametrize("headers", HEADERS)
def test_headers_that_steer_the_request_are_denied(headers: object) -> None:
    assert decided(ALLOW, "https://api.example.com/", headers=headers).verdict == "deny"


def test_a_body_is_one_text_and_ordinary_headers_are_allowed() -> None:
    assert decided(ALLOW, "https://api.example.com/", body=["x"]).verdict == "deny"
    assert decided(ALLOW, "https://api.example.com/", headers={"Accept": "text/html"}).verdict == "allow"


WRONG = [
    "https://api.example.com/",
    "GET api.example.com",
    "GET https://a.*/",
    "GET https://a.example/** at 10.0.0.1/8",
    "GET https://a.example/** at home",
    "* *",
]


@pytest.mark.parametrize("rule", WRONG)
def test_a_url_rule_of_another_form_does_not_load(rule: str) -> None:
    with pytest.raises(SpecError, match=r"rules\.allow\[0\]"):
        decided([rule], "https://a.example/")


def test_the_decision_says_what_it_is_about() -> None:
    assert decided(ALLOW, "https://evil.test/x").reason == "no rule allows `GET https://evil.test/x` here"


@given(st.text(alphabet="htps:/\\@.?#%[]0127aex \t", max_size=25))
def test_what_is_read_as_a_url_has_its_host_between_the_slashes(tail: str) -> None:
    text = f"https://{tail}"
    try:
        url = read_url(text)
    except ValueError:
        return
    authority = text.removeprefix("https://").partition("/")[0].partition("?")[0].partition("#")[0].lower()
    assert authority in (url.host, f"[{url.host}]", f"{url.host}:{url.port}", f"[{url.host}]:{url.port}")


@given(st.ip_addresses())
def test_only_global_addresses_are_public(address: Any) -> None:
    if address_is_public(address):
        assert address.is_global
        assert not address.is_loopback


@pytest.mark.parametrize(
    ("url", "header", "verdict"),
    [
        ("https://api.example.com/v2", "Authorization", "allow"),
        ("https://media.example.com/v2", "Accept", "allow"),
        ("https://media.example.com/v2", "Authorization", "deny"),
        ("https://media.example.com/v2", "cookie", "deny"),
        ("https://media.example.com/v2", "X-Api-Key", "deny"),
        ("https://api.example.com:8443/v2", "Authorization", "deny"),
    ],
)
def test_a_redirect_takes_no_credential_to_another_place(url: str, header: str, verdict: str) -> None:
    rules = Rules(allow=[{"http_request": ["GET https://*.example.com/**", "GET https://*.example.com:8443/**"]}])
    policy = compile_policy(rules, tools={"http_request": "egress"}, roots={}, project=Path("/"))
    call = parse_call("http_request", {"method": "GET", "url": url, "headers": {header: "x"}})
    assert policy.decide(call, PolicyContext(redirected_from="https://api.example.com/v1")).verdict == verdict


@pytest.mark.parametrize(
    ("url", "verdict"),
    [
        ("https://x.example/", "allow"),
        ("http://x.example:8080/a", "allow"),
        ("http://127.0.0.1/", "deny"),
        ("http://[::1]:8080/", "deny"),
        ("http://intranet/", "deny"),
    ],
)
def test_the_bare_tool_is_every_public_host_and_no_other(url: str, verdict: str) -> None:
    policy = compile_policy(
        Rules(allow=["http_request"]), tools={"http_request": "egress"}, roots={}, project=Path("/")
    )
    assert policy.decide(parse_call("http_request", {"method": "GET", "url": url})).verdict == verdict


@pytest.mark.parametrize("label", ["xn--", "xn--a", "xn--zzzzzzzz99999"])
def test_a_label_that_stands_for_no_name_is_refused(label: str) -> None:
    assert decided(ALLOW, f"https://{label}.corp.example/").rule == "builtin.url"


def test_a_foreign_name_in_its_ascii_form_is_a_name() -> None:
    assert decided(ALLOW, "https://xn--bcher-kva.corp.example/").verdict == "allow"
