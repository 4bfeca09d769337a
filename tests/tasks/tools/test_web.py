import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr
from pydantic_ai.exceptions import ModelRetry, ToolFailed

from midwatch.errors import SpecError
from midwatch.policy.urls import Url
from midwatch.run import RunFacts
from tasks.tools.functions import FunctionTools, Offered
from tasks.tools.hosts import Resolve
from tasks.tools.web import BODY_LIMIT, Web, http_tool
from tests.tasks.tools.agent_tools import Tools, declared


@dataclass
class Server:
    """A loopback server that answers every request with the same bytes and keeps what it was sent."""

    answer: bytes
    port: int = 0
    requests: list[str] = field(default_factory=list)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A client that says nothing whole hears nothing: a connection left open would keep it waiting for ever."""
        with suppress(asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = next(
                (int(line.split(":")[1]) for line in head.splitlines() if line.lower().startswith("content-length")), 0
            )
            self.requests.append(head + (await reader.readexactly(length)).decode())
            writer.write(self.answer)
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def serving(answer: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    served = Server(answer)
    server = await asyncio.start_server(served.handle, "127.0.0.1", 0, ssl=tls)
    async with server:
        served.port = server.sockets[0].getsockname()[1]
        yield served


def ok(body: bytes, *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def resolving(*addresses: str) -> Resolve:
    async def resolve(host: str, port: int) -> list[str]:
        return list(addresses)

    return resolve


def web_of(facts: RunFacts, web: Web) -> Tools:
    offered = Offered(function=web.http_request, facts=http_tool([], where="t").facts)
    return Tools(FunctionTools([offered], id="tools"), facts)


def local(facts: RunFacts) -> Tools:
    return web_of(facts, Web({"127.0.0.1"}))


async def test_a_request_is_sent_and_its_answer_shown(facts: RunFacts) -> None:
    async with serving(ok(b'{"a": 1}', "Content-Type: application/json", "Set-Cookie: s=1")) as server:
        answer = await local(facts).call("http_request", method="GET", url=f"http://127.0.0.1:{server.port}/x?y=1")
    assert answer == {"status": 200, "headers": {"content-type": "application/json"}, "body": '{"a": 1}'}
    assert server.requests[0].startswith("GET /x?y=1 HTTP/1.1\r\n")


def with_token(facts: RunFacts, host: str = "127.0.0.1", **more: Any) -> Tools:
    token = {host: {"Authorization": SecretStr("Bearer t")}}
    return web_of(facts, Web({"127.0.0.1", "api.example.org"}, credentials=token, **more))


async def test_credentials_go_to_their_host_and_are_shown_to_nobody(facts: RunFacts) -> None:
    async with serving(ok(b"hello")) as server:
        url = f"http://127.0.0.1:{server.port}/"
        answer = await with_token(facts).call("http_request", method="GET", url=url)
        await with_token(facts, "api.example.org").call("http_request", method="GET", url=url)
    assert "authorization: Bearer t" in server.requests[0]
    assert "authorization" not in server.requests[1].lower()
    assert "Bearer" not in str(answer)


async def test_the_model_cannot_set_what_code_fills_in(facts: RunFacts) -> None:
    with pytest.raises(ModelRetry, match=r"'authorization' is filled in by code for 127\.0\.0\.1"):
        await with_token(facts).call(
            "http_request", method="GET", url="http://127.0.0.1:1/", headers={"AUTHORIZATION": "mine"}
        )


async def test_credentials_do_not_go_out_in_the_clear(facts: RunFacts) -> None:
    web = with_token(facts, "api.example.org", resolve=resolving("127.0.0.1"))
    with pytest.raises(ToolFailed, match="over https only"):
        await web.call("http_request", method="GET", url="http://api.example.org/")


def test_credentials_are_for_one_host() -> None:
    with pytest.raises(SpecError, match=r"tools\[0\].credentials: '\*.example.org' is not one host"):
        http_tool(["*"], where="tools[0]", credentials={"*.example.org": {}})


async def test_the_path_that_was_judged_is_the_path_that_is_sent(facts: RunFacts) -> None:
    async with serving(ok(b"")) as server:
        url = f"http://127.0.0.1:{server.port}/a/../v1/%6frders/.?x=%41#frag"
        await local(facts).call("http_request", method="GET", url=url)
    assert server.requests[0].startswith("GET /v1/orders/?x=%41 HTTP/1.1\r\n")


async def test_an_effect_carries_its_idempotency_key(facts: RunFacts) -> None:
    async with serving(ok(b"")) as server:
        url = f"http://127.0.0.1:{server.port}/"
        await local(facts).call("http_request", method="POST", url=url, body="hello", headers={"X-Mine": "1"})
    assert "idempotency-key: run-1::call-1" in server.requests[0].lower()
    assert "x-mine: 1" in server.requests[0].lower()
    assert server.requests[0].endswith("\r\n\r\nhello")


async def test_a_redirect_is_told_and_not_followed(facts: RunFacts) -> None:
    answer = (
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/secret\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
    async with serving(answer) as server:
        told = await local(facts).call("http_request", method="GET", url=f"http://127.0.0.1:{server.port}/")
    assert (told["status"], told["headers"]) == (302, {"location": "http://127.0.0.1:1/secret"})
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "http://2130706433:{port}/",
        "http://0x7f.1:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://user@127.0.0.1:{port}/",
        "http://api.example.org@127.0.0.1:{port}/",
        "http://127.0.0.1:{port}\\@api.example.org/",
        "http://internal.example:{port}/",
        "http://elsewhere.test:{port}/",
        "file:///etc/passwd",
        "ftp://api.example.org/",
    ],
)
async def test_an_address_that_no_rule_names_hears_nothing(facts: RunFacts, url: str) -> None:
    async with serving(ok(b"secret")) as server:
        web = web_of(facts, Web({"*.example", "api.example.org"}, resolving("127.0.0.1")))
        with pytest.raises((ModelRetry, ToolFailed)):
            await web.call("http_request", method="GET", url=url.format(port=server.port))
    assert server.requests == []


@pytest.mark.parametrize("addresses", [("127.0.0.1",), ("93.184.216.34", "127.0.0.1"), ("169.254.169.254",), ("::1",)])
async def test_a_name_that_resolves_to_this_machine_is_refused(facts: RunFacts, addresses: tuple[str, ...]) -> None:
    async with serving(ok(b"secret")) as server:
        web = web_of(facts, Web({"api.example.org"}, resolving(*addresses)))
        with pytest.raises(ToolFailed, match="an internal address that no rule names"):
            await web.call("http_request", method="GET", url=f"http://api.example.org:{server.port}/")
    assert server.requests == []


async def test_the_name_is_resolved_once_and_the_checked_address_is_used(facts: RunFacts) -> None:
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    async with serving(ok(b"here")) as server:
        web = web_of(facts, Web({"api.example.org"}, rebinding, reachable=anything))
        answer = await web.call("http_request", method="GET", url=f"http://api.example.org:{server.port}/")
    assert answer["body"] == "here"
    assert asked == ["api.example.org"]
    assert f"host: api.example.org:{server.port}" in server.requests[0].lower()


def anything(url: Url, address: str, hosts: Collection[str]) -> bool:
    """Lets the tests reach loopback under a public name."""
    return True


async def test_the_next_address_is_tried_where_the_first_does_not_answer(facts: RunFacts) -> None:
    async with serving(ok(b"second")) as server:
        web = web_of(facts, Web({"api.example.org"}, resolving("127.0.0.9", "127.0.0.1"), reachable=anything))
        answer = await web.call("http_request", method="POST", url=f"http://api.example.org:{server.port}/")
    assert answer["body"] == "second"


async def test_a_certificate_must_be_the_names_own(facts: RunFacts, tmp_path: Path) -> None:
    server_side, client_side = certificate(tmp_path, "api.example.org")
    async with serving(ok(b"over tls"), server_side) as server:
        web = web_of(facts, Web({"*"}, resolving("127.0.0.1"), anything, lambda: client_side))
        answer = await web.call("http_request", method="GET", url=f"https://api.example.org:{server.port}/")
        assert answer["body"] == "over tls"
        with pytest.raises(ToolFailed, match="CERTIFICATE_VERIFY_FAILED"):
            await web.call("http_request", method="GET", url=f"https://other.example.org:{server.port}/")
    assert len(server.requests) == 1


async def test_a_proxy_of_the_environment_is_not_used(facts: RunFacts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with serving(ok(b"direct")) as server:
        answer = await local(facts).call("http_request", method="GET", url=f"http://127.0.0.1:{server.port}/")
    assert answer["body"] == "direct"


async def test_a_long_answer_is_cut_and_one_that_is_not_text_is_named(facts: RunFacts) -> None:
    async with serving(ok(b"x" * (BODY_LIMIT + 500_000))) as server:
        answer = await local(facts).call("http_request", method="GET", url=f"http://127.0.0.1:{server.port}/")
    assert len(answer["body"]) < 21_000
    assert answer["body"].endswith(f"[cut after {BODY_LIMIT} bytes]")
    async with serving(ok(b"\0\1\2")) as server:
        answer = await local(facts).call("http_request", method="GET", url=f"http://127.0.0.1:{server.port}/")
    assert answer["body"] == "[3 bytes that are not text]"


async def test_a_compressed_answer_is_not_unpacked(facts: RunFacts) -> None:
    async with serving(ok(b"bomb", "Content-Encoding: gzip")) as server:
        answer = await local(facts).call("http_request", method="GET", url=f"http://127.0.0.1:{server.port}/")
    assert answer["body"] == "[4 bytes that are not text]"


@pytest.mark.parametrize(
    "header",
    [
        "Host",
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
        "Proxy-Authorization",
        "X-Forwarded-Host",
        "Via",
        "a\nb",
    ],
)
async def test_a_header_that_steers_the_connection_is_refused(facts: RunFacts, header: str) -> None:
    with pytest.raises(ModelRetry, match="cannot be set"):
        await local(facts).call("http_request", method="GET", url="http://127.0.0.1:9/", headers={header: "1"})


async def test_a_header_that_only_begins_like_one_of_ours_is_sent(facts: RunFacts) -> None:
    async with serving(ok(b"")) as server:
        url = f"http://127.0.0.1:{server.port}/"
        await local(facts).call("http_request", method="GET", url=url, headers={"Hostess": "1", "Test": "2"})
    assert "hostess: 1\r\ntest: 2" in server.requests[0].lower()


@pytest.mark.parametrize(("method", "error"), [("GET", ToolFailed), ("POST", httpx.RemoteProtocolError)])
async def test_a_lost_answer_is_a_failure_to_read_and_an_effect_in_doubt(
    facts: RunFacts, method: str, error: type[Exception]
) -> None:
    async with serving(b"") as server:
        with pytest.raises(error):
            await local(facts).call("http_request", method=method, url=f"http://127.0.0.1:{server.port}/")


async def test_nobody_there_is_told_to_the_model_even_for_an_effect(facts: RunFacts) -> None:
    async with serving(b"") as server:
        port = server.port
    with pytest.raises(ToolFailed, match="cannot be connected to"):
        await local(facts).call("http_request", method="POST", url=f"http://127.0.0.1:{port}/")


async def test_a_name_without_an_address_is_told(facts: RunFacts) -> None:
    async def nowhere(host: str, port: int) -> list[str]:
        raise OSError("Name or service not known")

    with pytest.raises(ToolFailed, match="has no address"):
        await web_of(facts, Web({"*"}, nowhere)).call("http_request", method="GET", url="http://api.example.org/")


async def test_http_is_egress_and_its_answer_not_trusted(tools_of: Callable[..., Tools]) -> None:
    listed = await tools_of("http_request", rules={"ask": ["http_request"]}).listed()
    facts = declared(listed["http_request"])
    assert (facts.risk, facts.idempotent, facts.untrusted) == ("egress", False, True)


@pytest.mark.parametrize(
    ("method", "answer"), [("GET", "did_not_happen"), ("OPTIONS", "did_not_happen"), ("PUT", "cannot_tell")]
)
async def test_after_a_crash_what_only_reads_is_sent_again(facts: RunFacts, method: str, answer: str) -> None:
    probe = http_tool([], where="t").facts.probe
    assert probe is not None
    assert await probe(facts, {"method": method, "url": "http://127.0.0.1/"}) == answer


async def test_an_operator_says_that_the_hosts_take_an_idempotency_key(tools_of: Callable[..., Tools]) -> None:
    tools = tools_of({"http_request": {"idempotent": True}}, rules={"ask": ["http_request"]})
    assert declared((await tools.listed())["http_request"]).idempotent


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's and a client's context for a certificate that is `name`'s own and nobody else's."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    signed = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = signed.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "both.pem").write_bytes(pem + private)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "both.pem")
    return server, ssl.create_default_context(cadata=pem.decode())
