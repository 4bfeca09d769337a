from collections.abc import Collection
from typing import Any

import pytest

from midwatch.policy.urls import read_url
from midwatch.spec import Rules
from tasks.tools.hosts import allowed_hosts, is_allowed, may_connect, resolve_host


@pytest.mark.parametrize(
    ("rules", "hosts"),
    [
        ({"allow": [{"http_request": "GET https://api.example.org/v1/**"}]}, {"api.example.org"}),
        ({"ask": [{"http_request": "* https://*.corp.example/**"}]}, {"*.corp.example"}),
        ({"ask": ["http_request"], "allow": ["shell"]}, {"*"}),
        ({"allow": [{"http_request": "GET http://127.0.0.1:8080/"}]}, {"127.0.0.1"}),
        ({"deny": ["http_request", {"http_request": "* https://evil.example/**"}]}, set()),
        ({"allow": [{"http_request": "not a rule"}, {"shell": "ls"}]}, set()),
        ({"allow": [{"http_request": "GET https://a.example/** at 10.0.0.0/8"}]}, {"a.example at 10.0.0.0/8"}),
        (
            {
                "allow": [
                    {
                        "http_request": [
                            "GET https://a.example/** at 10.0.0.0/8",
                            "GET http://127.0.0.1/",
                            "GET http://[::1]/",
                        ]
                    }
                ],
                "deny": [{"http_request": "* *://{private}/**"}],
            },
            {"a.example"},
        ),
    ],
)
def test_only_what_the_rules_let_through_is_reachable(rules: dict[str, Any], hosts: set[str]) -> None:
    assert allowed_hosts(Rules.model_validate(rules)) == hosts


@pytest.mark.parametrize(
    ("host", "hosts", "allowed"),
    [
        ("api.example.org", {"api.example.org"}, True),
        ("x.corp.example", {"*.corp.example"}, True),
        ("corp.example", {"*.corp.example"}, False),
        ("evilcorp.example", {"*.corp.example"}, False),
        ("api.example.org.evil.example", {"api.example.org"}, False),
        ("anything.example", {"*"}, True),
        ("anything.example", set(), False),
    ],
)
def test_a_host_is_allowed_by_its_name_or_its_suffix(host: str, hosts: Collection[str], allowed: bool) -> None:
    assert is_allowed(read_url(f"https://{host}/"), hosts) is allowed


@pytest.mark.parametrize(
    ("url", "address", "hosts", "may"),
    [
        ("https://api.example.org/", "93.184.216.34", {"*"}, True),
        ("https://api.example.org/", "127.0.0.1", {"*"}, False),
        ("https://api.example.org/", "127.0.0.1", {"*.example.org"}, False),
        ("https://api.example.org/", "127.0.0.1", {"api.example.org"}, False),
        ("https://api.example.org/", "169.254.169.254", {"api.example.org"}, False),
        ("https://api.example.org/", "::1", {"api.example.org"}, False),
        ("https://api.example.org/", "0.0.0.0", {"api.example.org"}, False),
        ("https://api.example.org/", "::ffff:127.0.0.1", {"api.example.org"}, False),
        ("https://api.example.org/", "fe80::1%eth0", {"api.example.org"}, False),
        ("https://wiki.corp.example/", "10.0.0.5", {"wiki.corp.example"}, False),
        ("https://wiki.corp.example/", "10.0.0.5", {"wiki.corp.example at 10.0.0.0/8"}, True),
        ("https://wiki.corp.example/", "10.0.0.5", {"*.corp.example at 10.0.0.0/8", "*"}, True),
        ("https://wiki.corp.example/", "127.0.0.1", {"wiki.corp.example at 10.0.0.0/8"}, False),
        ("https://other.example/", "10.0.0.5", {"wiki.corp.example at 10.0.0.0/8", "*"}, False),
        ("http://[fd00::5]/", "fd00::5", {"fd00::5"}, True),
        ("http://10.0.0.5/", "10.0.0.5", {"{private}"}, True),
        ("http://10.0.0.5/", "10.0.0.5", {"*"}, False),
        ("http://127.0.0.1/", "127.0.0.1", {"127.0.0.1"}, True),
        ("http://localhost/", "::1", {"localhost"}, True),
        ("http://localhost/", "127.0.0.1", {"*"}, False),
    ],
)
def test_an_internal_address_is_reached_only_where_a_rule_names_it(
    url: str, address: str, hosts: Collection[str], may: bool
) -> None:
    assert may_connect(read_url(url), address, hosts) is may


async def test_the_systems_resolver_gives_each_address_once() -> None:
    assert await resolve_host("127.0.0.1", 80) == ["127.0.0.1"]
