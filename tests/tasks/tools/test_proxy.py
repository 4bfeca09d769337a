"""The only way out of the sandbox: what the rules allow, judged request by request."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from midwatch.decision import Decision
from midwatch.policy import compile_policy
from midwatch.spec import Rules
from tasks.tools import proxy as proxies
from tasks.tools.hosts import allowed_hosts
from tasks.tools.network import Network
from tasks.tools.proxy import Proxy
from tasks.tools.sandbox import Sandbox, candidates, holds
from tasks.tools.shell import Shell
from tests.tasks.tools.test_web import Server, certificate, ok, resolving, serving

HOST = "api.example.org"


def network_of(project: Path, **rules: list[Any]) -> Network:
    """As a run sets it up, and DNS says that every host is this machine."""
    written = Rules(**rules)
    tools: dict[str, Any] = {"shell": "execute", "http_request": "egress"}
    hosts = allowed_hosts(Rules(allow=written.allow, deny=written.deny))
    network = Network(hosts=hosts, resolve=resolving("127.0.0.1"))
    network.judge_by(compile_policy(written, tools=tools, roots={}, project=project))
    return network


def http(rule: str) -> dict[str, str]:
    """A rule that also says where the host is."""
    return {"http_request": f"{rule} at 127.0.0.0/8"}


@pytest.fixture
def bubblewrap() -> Sandbox:
    found = next((sandbox for sandbox in candidates() if sandbox.name == "bubblewrap" and holds(sandbox)), None)
    return found or pytest.skip("bubblewrap does not start on this machine")


def shell_of(bubblewrap: Sandbox, folder: Path, network: Network) -> Shell:
    return Shell(bubblewrap, folder / "root", network)


# --- from inside the sandbox ----------------------------------------------------------------------------------------


async def test_a_command_reaches_what_a_rule_allows_and_hears_why_not_else(bubblewrap: Sandbox, tmp_path: Path) -> None:
    async with serving(ok(b"hello")) as server:
        network = network_of(tmp_path, allow=[http(f"GET http://{HOST}:{server.port}/v1/**")])
        shell = shell_of(bubblewrap, tmp_path, network)
        said = await shell.shell(f"curl -s http://{HOST}:{server.port}/v1/a?b=c")
        assert said == {"exit_code": 0, "output": "hello"}
        refused = await shell.shell(f"curl -s http://{HOST}:{server.port}/v2")
        posted = await shell.shell(f"curl -s -d x=1 http://{HOST}:{server.port}/v1/a")
    assert f"[network: refused GET http://{HOST}:{server.port}/v2: ask by default: no rule allows" in refused["output"]
    assert f"[network: refused POST http://{HOST}:{server.port}/v1/a:" in posted["output"]
    assert [request.split("\r\n")[0] for request in server.requests] == ["GET /v1/a?b=c HTTP/1.1"]


async def test_tls_goes_through_a_tunnel_and_is_checked_by_the_command(bubblewrap: Sandbox, tmp_path: Path) -> None:
    server_side, _ = certificate(tmp_path, HOST)
    async with serving(ok(b"over tls"), server_side) as server:
        network = network_of(tmp_path, allow=[http(f"* https://{HOST}:{server.port}/**")])
        shell = shell_of(bubblewrap, tmp_path, network)
        trusting = await shell.shell(f"curl -s -k https://{HOST}:{server.port}/x")
        strict = await shell.shell(f"curl -s https://{HOST}:{server.port}/x")
    assert trusting == {"exit_code": 0, "output": "over tls"}
    assert strict["exit_code"] == 60  # the test's own authority is nobody's
    assert len(server.requests) == 1


async def test_the_public_authorities_are_there_for_the_command(bubblewrap: Sandbox, tmp_path: Path) -> None:
    if not Path("/etc/ssl/certs/ca-certificates.crt").exists():
        pytest.skip("this machine has no list of authorities where Debian keeps it")
    count = "grep -c BEGIN /etc/ssl/certs/ca-certificates.crt"
    assert int((await shell_of(bubblewrap, tmp_path, Network()).shell(count))["output"]) > 10


DIRECT = """
import socket, sys
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[1])), 3).send(b"hello")
    print("connected")
except OSError as error:
    print(error)
"""


async def test_nothing_but_the_proxy_is_reached(bubblewrap: Sandbox, tmp_path: Path) -> None:
    async with serving(ok(b"")) as server:
        shell = shell_of(bubblewrap, tmp_path, network_of(tmp_path, allow=[http(f"* http://{HOST}:{server.port}/**")]))
        (tmp_path / "root").mkdir()
        (tmp_path / "root" / "direct.py").write_text(DIRECT)
        said = await shell.shell(f"/usr/bin/python3 direct.py {server.port}; ls /proc/self/fd; ls /run/midwatch")
    assert said["output"].splitlines() == ["[Errno 111] Connection refused", "0", "1", "2", "3", "listener.py"]
    assert server.requests == []


@pytest.mark.parametrize("allow", [[], ["shell"]])
async def test_without_a_host_in_an_allow_rule_there_is_no_network(
    bubblewrap: Sandbox, tmp_path: Path, allow: list[Any]
) -> None:
    network = network_of(tmp_path, allow=allow, ask=[http(f"* http://{HOST}/**")])
    said = await shell_of(bubblewrap, tmp_path, network).shell("env; ls /run")
    assert "proxy" not in said["output"].lower()
    assert "midwatch" not in said["output"]


async def test_until_the_rules_are_set_nothing_is_reached(bubblewrap: Sandbox, tmp_path: Path) -> None:
    said = await shell_of(bubblewrap, tmp_path, Network(hosts=["*"])).shell("curl -s http://api.example.org/")
    assert "no rules have been set for the network" in said["output"]


async def test_the_command_ends_with_its_connections(bubblewrap: Sandbox, tmp_path: Path) -> None:
    async with silent() as port:
        shell = shell_of(bubblewrap, tmp_path, network_of(tmp_path, allow=[http(f"* http://{HOST}:{port}/**")]))
        said = await shell.shell(f"curl -s http://{HOST}:{port}/", timeout=1)
    assert said["exit_code"] is None
    assert not [task for task in asyncio.all_tasks() if "proxy" in repr(task.get_coro())]


@asynccontextmanager
async def silent() -> AsyncIterator[int]:
    """A server that reads and never answers."""

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


# --- the proxy's own grammar ----------------------------------------------------------------------------------------


async def answered(proxy: Proxy, raw: bytes) -> bytes:
    """What the proxy answers to these bytes, whole. Returns when it has let go of the connection."""
    let_go = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await proxy.serve(reader, writer)
        finally:
            let_go.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
        writer.write(raw)
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        await let_go.wait()
    return answer


def asked(server: Server, head: str, body: bytes = b"") -> bytes:
    return head.format(at=f"{HOST}:{server.port}").replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n" + body


async def test_the_origin_gets_one_clean_request(tmp_path: Path) -> None:
    async with serving(ok(b"yes")) as server:
        proxy = Proxy(network=network_of(tmp_path, allow=[http(f"* http://{HOST}:{server.port}/**")]))
        head = (
            "POST http://{at}/a?b#c HTTP/1.1\nHost: elsewhere.example\nProxy-Authorization: x\nConnection: keep-alive"
        )
        raw = asked(
            server,
            head + "\nTransfer-Encoding: chunked\nX-Mine: 1\n 2",
            b"5\r\nhello\r\n0\r\n\r\nGET /2 HTTP/1.1\r\n\r\n",
        )
        assert (await answered(proxy, raw)).endswith(b"\r\n\r\nyes")
    lines = [f"Host: {HOST}:{server.port}", "x-mine: 1 2", "Content-Length: 5", "Connection: close", "", "hello"]
    assert server.requests == ["\r\n".join(["POST /a?b HTTP/1.1", *lines])]


ODD = [
    "GET / HTTP/1.1\nHost: {at}",
    "GET https://{at}/ HTTP/1.1\nHost: {at}",
    "GET ftp://{at}/ HTTP/1.1\nHost: {at}",
    "GET http://a@{at}/ HTTP/1.1\nHost: {at}",
    "GET http://{at}\\@elsewhere.example/ HTTP/1.1\nHost: {at}",
    "GET http://{at}/\xe4 HTTP/1.1\nHost: {at}",
    "GET http://{at}/ HTTP/1.1\nHost: {at}\nX-HTTP-Method-Override: DELETE",
    "GET http://{at}/ HTTP/1.1\nHost: {at}\nForwarded: for=127.0.0.1",
    "GET http://{at}/ HTTP/1.1\nHost: {at}\nX-A: 1\nX-A: 2",
    "GET http://{at}/ HTTP/1.1\nHost: {at}\nContent-Length: 1\nContent-Length: 2",
    "GET http://{at}/ HTTP/1.1\nHost: {at}\nTransfer-Encoding: gzip",
    "TRACE http://{at}/ HTTP/1.1\nHost: {at}",
    "get http://{at}/ HTTP/1.1\nHost: {at}",
    "CONNECT {at}/ HTTP/1.1\nHost: {at}",
    "CONNECT http://{at} HTTP/1.1\nHost: {at}",
    "CONNECT api.example.org HTTP/1.1\nHost: {at}",
    "CONNECT api.example.org:0 HTTP/1.1\nHost: {at}",
    "GET http://{at}/ HTTP/1.1\nX-Long: " + "x" * 20_000,
    "rubbish",
]


@pytest.mark.parametrize("head", ODD)
async def test_an_odd_request_is_refused_and_nothing_is_sent(tmp_path: Path, head: str) -> None:
    async with serving(ok(b"secret")) as server:
        rules = [http(f"{method} http://{HOST}:{server.port}/**") for method in ("GET", "POST")]
        proxy = Proxy(network=network_of(tmp_path, allow=rules))
        answer = await answered(proxy, asked(server, head))
    assert answer[:10] in (b"HTTP/1.1 4", b"")
    assert b"secret" not in answer
    assert server.requests == []


async def test_a_body_that_is_not_text_is_refused(tmp_path: Path) -> None:
    async with serving(ok(b"")) as server:
        proxy = Proxy(network=network_of(tmp_path, allow=[http(f"* http://{HOST}:{server.port}/**")]))
        raw = asked(server, "POST http://{at}/ HTTP/1.1\nHost: x\nContent-Length: 2", b"\xff\xfe")
        assert b" 415 " in await answered(proxy, raw)
    assert server.requests == []


@pytest.mark.parametrize(
    ("rules", "opens"),
    [
        ({"allow": ["* https://api.example.org:{port}/**"]}, True),
        ({"allow": ["* *://*.example.org:{port}/**"]}, True),
        ({"allow": ["* https://*:{port}/**"]}, True),
        ({"allow": ["* https://api.example.org:{port}/v1/**"]}, False),
        ({"allow": ["* https://api.example.org:{port}/*"]}, False),
        ({"allow": ["* https://api.example.org:{port}/"]}, False),
        ({"allow": ["GET https://api.example.org:{port}/**"]}, False),
        ({"allow": ["* https://api.example.org/**"]}, False),
        ({"allow": ["* http://api.example.org:{port}/**"]}, False),
        ({"ask": ["* https://api.example.org:{port}/**"]}, False),
        ({"allow": ["* https://*:{port}/**"], "ask": ["POST https://api.example.org:{port}/**"]}, False),
        ({"allow": ["* https://*:{port}/**"], "deny": ["GET https://api.example.org:{port}/admin/**"]}, False),
        ({"allow": ["* https://*:{port}/**"], "deny": ["* https://other.example.org:{port}/**"]}, True),
    ],
)
async def test_a_tunnel_needs_the_whole_host(tmp_path: Path, rules: dict[str, list[str]], opens: bool) -> None:
    async with serving(b"") as server:
        written = {effect: [http(text.format(port=server.port)) for text in texts] for effect, texts in rules.items()}
        proxy = Proxy(network=network_of(tmp_path, **written))
        answer = await answered(proxy, asked(server, "CONNECT {at} HTTP/1.1\nHost: {at}", b"GET / HTTP/1.1\r\n\r\n"))
    assert answer.startswith(b"HTTP/1.1 200 " if opens else b"HTTP/1.1 403 ")
    assert server.requests == (["GET / HTTP/1.1\r\n\r\n"] if opens else [])


async def test_every_method_by_itself_makes_a_whole_host(tmp_path: Path) -> None:
    async with serving(b"") as server:
        methods = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
        rules = [http(f"{method} https://{HOST}:{server.port}/**") for method in methods]
        for allow, status in ((rules, b"200"), (rules[1:], b"403")):
            proxy = Proxy(network=network_of(tmp_path, allow=allow))
            answer = await answered(proxy, asked(server, "CONNECT {at} HTTP/1.1\nHost: {at}"))
            assert answer.split(b" ")[1] == status


OUTSIDE, INSIDE = "93.184.215.14", "127.0.0.1"


@pytest.mark.parametrize("judged", [True, False])
async def test_the_name_is_resolved_once_and_every_address_is_checked(tmp_path: Path, judged: bool) -> None:
    times = []

    async def rebinding(host: str, port: int) -> list[str]:
        times.append(host)
        return [INSIDE] if len(times) > 1 else [OUTSIDE, INSIDE]

    async with serving(ok(b"secret")) as server:
        network = network_of(tmp_path, allow=[{"http_request": f"* http://{HOST}:{server.port}/**"}])
        network.resolve = rebinding
        if not judged:
            network.request = lambda _asked, _addresses: Decision(verdict="allow", rule="any", reason="")
        answer = await answered(Proxy(network=network), asked(server, "GET http://{at}/ HTTP/1.1\nHost: {at}"))
    assert INSIDE.encode() in answer
    assert b"403" in answer
    assert times == [HOST]
    assert server.requests == []


@pytest.mark.parametrize("line", ["GET http://{at}/ HTTP/1.1", "CONNECT {at} HTTP/1.1"])
async def test_a_name_is_asked_about_only_where_a_rule_allows_it(tmp_path: Path, line: str) -> None:
    """DNS itself carries what a command wants to say."""
    asked_for = []

    async def listening(host: str, port: int) -> list[str]:
        asked_for.append(host)
        return [INSIDE]

    network = network_of(tmp_path, allow=[http("* *://other.example.org/**")])
    network.resolve = listening
    await answered(Proxy(network=network), asked(Server(b"", 80), line + "\nHost: {at}"))
    assert asked_for == []


async def test_a_deny_rule_for_the_inside_closes_a_tunnel_too(tmp_path: Path) -> None:
    async with serving(b"") as server:
        allow, deny = [http(f"* https://{HOST}:{server.port}/**")], [{"http_request": "* *://{private}/**"}]
        network = replace(network_of(tmp_path, allow=allow, deny=deny), reachable=lambda *_: True)
        answer = await answered(Proxy(network=network), asked(server, "CONNECT {at} HTTP/1.1\nHost: {at}"))
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert server.requests == []


async def test_the_origin_gets_the_path_that_was_judged(tmp_path: Path) -> None:
    async with serving(ok(b"")) as server:
        proxy = Proxy(network=network_of(tmp_path, allow=[http(f"GET http://{HOST}:{server.port}/v1/**")]))
        await answered(proxy, asked(server, "GET http://{at}/v1/x/../%61 HTTP/1.1\nHost: {at}"))
        await answered(proxy, asked(server, "GET http://{at}/v1/../v2 HTTP/1.1\nHost: {at}"))
    assert [request.split("\r\n")[0] for request in server.requests] == ["GET /v1/a HTTP/1.1"]


async def test_what_the_run_holds_back_is_held_back_here_too(tmp_path: Path) -> None:
    async with serving(ok(b"secret")) as server:
        network = network_of(tmp_path)
        allow = [http(f"* *://{HOST}:{server.port}/**")]
        policy = compile_policy(Rules(allow=allow), tools={"http_request": "egress"}, roots={}, project=tmp_path)
        network.judge_by(policy, held=lambda decision, call: replace(decision, verdict="ask", reason="whose words?"))
        for head in ("GET http://{at}/ HTTP/1.1\nHost: {at}", "CONNECT {at} HTTP/1.1\nHost: {at}"):
            assert b"whose words?" in await answered(Proxy(network=network), asked(server, head))
    assert server.requests == []


async def test_what_throws_is_refused(tmp_path: Path) -> None:
    def broken(_asked: object, _addresses: object) -> Any:
        raise ZeroDivisionError

    async with serving(ok(b"secret")) as server:
        proxy = Proxy(network=replace(network_of(tmp_path), request=broken, tunnel=broken))
        for head in ("GET http://{at}/ HTTP/1.1\nHost: {at}", "CONNECT {at} HTTP/1.1\nHost: {at}"):
            assert b"403" in await answered(proxy, asked(server, head))
    assert "could not be asked (ZeroDivisionError)" in proxy.told()
    assert server.requests == []


async def test_a_command_sends_and_receives_so_much_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxies, "TRAFFIC_BYTES", 100_000)
    async with serving(ok(b"x" * 500_000)) as server:
        proxy = Proxy(network=network_of(tmp_path, allow=[http(f"* *://{HOST}:{server.port}/**")]))
        assert len(await answered(proxy, asked(server, "GET http://{at}/ HTTP/1.1\nHost: {at}"))) <= 100_000
    assert "stopped after 100,000 bytes" in proxy.told()


async def test_refusals_are_told_once_each_and_not_without_end(tmp_path: Path) -> None:
    proxy = Proxy(network=network_of(tmp_path))
    for place in (*range(30), *range(10)):
        await answered(proxy, f"GET http://{HOST}/{place} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert proxy.told().count("\n") == proxies.TOLD + 1
    assert proxy.told().endswith("[network: 10 more refused]")


async def test_a_further_connection_is_closed_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxies, "CONNECTIONS", 0)
    proxy = Proxy(network=network_of(tmp_path))
    with suppress(ConnectionResetError):
        assert await answered(proxy, b"GET http://x.example/ HTTP/1.1\r\nHost: x\r\n\r\n") == b""
    assert "refused more than 0 connections at a time" in proxy.told()
