"""What another user, or a web page on the same machine, gets from a real house that is up: nothing."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import httpx
import psutil
import pytest
from prefect.blocks.system import Secret
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from cli import inhabitants, keys

if TYPE_CHECKING:
    from tests.conftest import PrefectHouse

NOBODY = 65534
STRANGER = "http://evil.example"
EVERYTHING = [
    ("GET", "/admin/version"),
    ("POST", "/flow_runs/filter"),
    ("POST", "/block_documents/filter"),
    ("GET", "/block_types/slug/secret/block_documents?include_secrets=true"),
    ("POST", "/deployments/"),
    ("GET", "/csrf-token?client=stranger"),
]


@pytest.fixture
def password(prefect_house: PrefectHouse) -> tuple[str, str]:
    user, _, password = keys.read(prefect_house.house.auth).partition(":")
    return user, password


@pytest.mark.parametrize(("method", "path"), EVERYTHING)
@pytest.mark.parametrize("auth", [None, ("midwatch", "wrong"), ("admin", "pass")])
def test_without_the_right_password_nothing_is_answered(
    prefect_house: PrefectHouse, method: str, path: str, auth: tuple[str, str] | None
) -> None:
    csrf = {"Prefect-Csrf-Token": "guess", "Prefect-Csrf-Client": "stranger"}
    answer = httpx.request(method, f"{prefect_house.api_url}{path}", auth=auth, headers=csrf)
    assert answer.status_code == (401 if method == "GET" else 403)


def test_a_browser_is_never_told_to_send_the_password_by_itself(prefect_house: PrefectHouse) -> None:
    answer = httpx.get(f"{prefect_house.api_url}/admin/version")
    assert answer.status_code == 401
    assert "www-authenticate" not in answer.headers
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/v2/", "/ui-settings"])
def test_the_ui_is_served_to_everyone_and_holds_no_password(prefect_house: PrefectHouse, path: str) -> None:
    answer = httpx.get(f"{prefect_house.house.url}{path}", headers={"Accept": "text/html"}, follow_redirects=True)
    assert answer.status_code == 200
    assert keys.read(prefect_house.house.auth).partition(":")[2] not in answer.text


def test_a_page_of_another_origin_may_not_ask(prefect_house: PrefectHouse, password: tuple[str, str]) -> None:
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    url = f"{prefect_house.api_url}/flow_runs/filter"
    stranger = httpx.options(url, headers={"Origin": STRANGER, **asks})
    own = httpx.options(url, headers={"Origin": prefect_house.house.url, **asks})
    assert "access-control-allow-origin" not in stranger.headers
    assert own.headers["access-control-allow-origin"] == prefect_house.house.url
    simple = httpx.get(f"{prefect_house.api_url}/admin/version", auth=password, headers={"Origin": STRANGER})
    assert "access-control-allow-origin" not in simple.headers


def test_a_name_that_was_rebound_to_this_machine_gets_no_further(prefect_house: PrefectHouse) -> None:
    answer = httpx.get(f"{prefect_house.api_url}/admin/version", headers={"Host": "evil.example", "Origin": STRANGER})
    assert answer.status_code == 401


def test_a_change_needs_a_csrf_token_even_with_the_password(
    prefect_house: PrefectHouse, password: tuple[str, str]
) -> None:
    with httpx.Client(base_url=prefect_house.api_url, auth=password) as client:
        assert client.post("/flow_runs/count", json={}).status_code == 403
        token = client.get("/csrf-token", params={"client": "test"}).json()["token"]
        headers = {"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": "test"}
        assert client.post("/flow_runs/count", json={}, headers=headers).status_code == 200
    assert httpx.post(f"{prefect_house.api_url}/flow_runs/count", json={}, headers=headers).status_code == 401


@pytest.mark.parametrize("path", ["/events/in", "/events/out", "/logs/out"])
@pytest.mark.parametrize("token", ["", "midwatch:wrong"])
def test_a_websocket_without_the_password_is_closed(prefect_house: PrefectHouse, path: str, token: str) -> None:
    url = prefect_house.api_url.replace("http", "ws", 1) + path
    with connect(url, subprotocols=[Subprotocol("prefect")], origin=Origin(STRANGER)) as socket:
        socket.send(f'{{"type": "auth", "token": "{token}"}}')
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=10)


def test_everything_listens_on_the_loopback_address_and_talks_to_nobody_else(prefect_house: PrefectHouse) -> None:
    everyone = inhabitants.find(inhabitants.of_home(prefect_house.home))
    connections = [each for process in everyone for each in process.net_connections("inet")]
    assert any(each.status == psutil.CONN_LISTEN for each in connections)
    assert {each.laddr.ip for each in connections} == {"127.0.0.1"}
    assert {each.raddr.ip for each in connections if each.raddr} <= {"127.0.0.1"}


def test_the_password_is_on_no_command_line(prefect_house: PrefectHouse, password: tuple[str, str]) -> None:
    everyone = inhabitants.find(inhabitants.of_home(prefect_house.home))
    assert len(everyone) >= 3
    assert not [process for process in everyone if password[1] in " ".join(process.cmdline())]


async def test_a_block_secret_cannot_be_read_from_the_database_alone(in_house: PrefectHouse) -> None:
    await Secret(value="the-plain-text-of-a-secret").asave("shown-in-a-test", overwrite=True)
    files = [path.read_bytes() for path in in_house.house.prefect.glob("prefect.db*")]
    assert files
    assert any(b"shown-in-a-test" in content for content in files)
    for hidden in ("the-plain-text-of-a-secret", keys.read(in_house.house.encryption_key)):
        assert not any(hidden.encode() in content for content in files)
    loaded: Secret[str] = await Secret.aload("shown-in-a-test")
    assert loaded.get() == "the-plain-text-of-a-secret"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_can_read_no_environment_and_no_file_of_the_house(prefect_house: PrefectHouse) -> None:
    house = prefect_house.house
    server = next(iter(inhabitants.find(inhabitants.of_home(house.home))))
    secrets = [f"/proc/{server.pid}/environ", str(house.auth), str(house.encryption_key), f"{house.prefect}/prefect.db"]
    for secret in secrets:
        seen = subprocess.run(["cat", secret], user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True)
        assert (seen.returncode != 0, seen.stdout) == (True, b"")
