"""Tools: what happens when it sends an HTTP request? To a named host, at the address that was checked, and no further."""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

import certifi
import httpx
from pydantic import Field, SecretStr
from pydantic_ai.exceptions import ModelRetry, ToolFailed
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from midwatch.errors import SpecError
from midwatch.policy.requests import header_fault
from midwatch.policy.urls import PORTS, Url, read_url
from midwatch.risk import ProbeAnswer, ToolFacts
from midwatch.run import RunFacts
from tasks.tools.functions import Offered
from tasks.tools.hosts import Resolve, is_allowed, may_connect, resolve_host
from tasks.tools.shown import head_and_tail

Method = Literal["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]
READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
BODY_LIMIT: Final = 1_000_000
"""Bytes of a response that are read at all; fewer are shown."""
SECONDS: Final = 60.0
SHOWN_HEADERS: Final = ("content-type", "location", "retry-after", "last-modified", "etag")
OURS: Final = frozenset({"accept-encoding", "idempotency-key"})
"""Headers that this tool sets itself, beside those that no caller may set (`requests.header_fault`)."""


@functools.cache
def public_authorities() -> ssl.SSLContext:
    """Verifies certificates by certifi's authorities; made once a process, it takes tens of milliseconds."""
    return ssl.create_default_context(cafile=certifi.where())


class HttpResult(TypedDict):
    """What the model sees of an answer. The body comes from outside."""

    status: int
    headers: dict[str, str]
    body: str


@dataclass(frozen=True)
class Web:
    """The HTTP tool for the hosts of one agent's rules."""

    hosts: Collection[str]
    resolve: Resolve = resolve_host
    reachable: Callable[[Url, str, Collection[str]], bool] = may_connect
    tls: Callable[[], ssl.SSLContext] = public_authorities
    credentials: Mapping[str, Mapping[str, SecretStr]] = field(default_factory=dict)
    """By exact host, headers that the model neither sees nor sets."""

    async def http_request(
        self,
        method: Method,
        url: Annotated[str, Field(min_length=1, max_length=2000)],
        idempotency_key: str,
        headers: dict[str, str] = {},  # noqa: B006  # never changed; pydantic copies it
        body: str = "",
    ) -> HttpResult:
        """Send one HTTP request. A redirect is not followed: its answer says where it leads.

        Args:
            method: The HTTP method.
            url: The full address, with http:// or https://.
            idempotency_key: Filled in by code.
            headers: Further request headers.
            body: What to send; empty for none.
        """
        target = self._target(url)
        sent = {**_checked(headers), "accept-encoding": "identity"}
        sent |= self._own(target, sent)
        if method not in READING:
            sent["idempotency-key"] = idempotency_key
        for address in await self._addresses(target):
            try:
                async with asyncio.timeout(SECONDS):
                    return await self._send(method, url, target, address, sent, body)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                refused = error  # nothing was sent: the next address may answer
            except (httpx.TransportError, TimeoutError) as error:
                if method in READING:
                    raise ToolFailed(f"{target.host} did not answer: {type(error).__name__} {error}") from error
                raise  # it may have happened: not for the model to decide
        raise ToolFailed(f"{target.host} cannot be connected to: {refused}")

    def _target(self, url: str) -> Url:
        try:
            target = read_url(url)
        except ValueError as error:
            raise ModelRetry(f"The URL is not usable: {error}.") from error
        if not is_allowed(target, self.hosts):
            named = ", ".join(sorted(self.hosts)) or "none"
            raise ToolFailed(f"{target.host} is not among the hosts that this agent's rules name ({named}).")
        return target

    def _own(self, target: Url, sent: Collection[str]) -> dict[str, str]:
        """The host's credentials. They go to that very host alone, and in the clear only within this machine or network."""
        own = {name.lower(): value for name, value in self.credentials.get(target.host, {}).items()}
        if taken := sorted(own.keys() & set(sent)):
            raise ModelRetry(f"The header {taken[0]!r} is filled in by code for {target.host}. Leave it out.")
        if own and target.scheme != "https" and not target.is_private:
            raise ToolFailed(f"The credentials for {target.host} are sent over https only. Nothing was sent.")
        return {name: value.get_secret_value() for name, value in own.items()}

    async def _addresses(self, target: Url) -> list[str]:
        """All of the host's addresses; none of them may be one that must not be connected to."""
        try:
            addresses = await self.resolve(target.host, target.port)
        except OSError as error:
            raise ToolFailed(f"{target.host} has no address: {error}") from error
        for address in addresses:
            if not self.reachable(target, address, self.hosts):
                raise ToolFailed(
                    f"{target.host} is at {address}, an internal address that no rule names. Not requested."
                )
        if not addresses:
            raise ToolFailed(f"{target.host} has no address.")
        return addresses

    async def _send(
        self, method: Method, url: str, target: Url, address: str, headers: Mapping[str, str], body: str
    ) -> HttpResult:
        """Connect to `address` and no other, as `target.host`: its name in the Host header, in SNI and in the certificate.

        The path is the one that the rules were asked about, without dots.
        """
        port = "" if target.port == PORTS[target.scheme] else f":{target.port}"
        name = f"[{target.host}]" if ":" in target.host else target.host
        options: dict[str, Any] = {"extensions": {"sni_hostname": target.host}, "content": body.encode() or None}
        verify = self.tls() if target.scheme == "https" else False
        async with (
            httpx.AsyncClient(verify=verify, trust_env=False, follow_redirects=False, timeout=20) as client,
            client.stream(
                method,
                httpx.URL(url).copy_with(host=address, path=target.clean or target.path),
                headers={**headers, "host": name + port},
                **options,
            ) as response,
        ):
            shown = {key: response.headers[key] for key in SHOWN_HEADERS if key in response.headers}
            return HttpResult(status=response.status_code, headers=shown, body=await _body(response))


async def changed_nothing(_facts: RunFacts, args: Mapping[str, Any]) -> ProbeAnswer:
    """After a crash: what only reads has done nothing, and may be sent again; of anything else nobody knows."""
    return "did_not_happen" if args["method"] in READING else "cannot_tell"


def http_tool(
    hosts: Collection[str],
    *,
    where: str,
    idempotent: bool = False,
    credentials: Mapping[str, Mapping[str, SecretStr]] | None = None,
    resolve: Resolve = resolve_host,
) -> Offered:
    """`http_request` for `hosts`. One tool with one risk class: even a GET sends its URL out, so it is `egress`.

    Args:
        idempotent: the operator says that the hosts take an `Idempotency-Key`.
        credentials: by host, headers that only code knows.

    Raises:
        SpecError: `credentials` names something that is not one host.
    """
    for host in credentials or {}:
        if not _is_host(host):
            said = f"{host!r} is not one host: write its exact name, as in `api.example.org`"
            raise SpecError(said, field=f"{where}.credentials")
    facts = ToolFacts(
        risk="egress", idempotent=idempotent, private=bool(credentials), sinks=("url",), probe=changed_nothing
    )
    return Offered(function=Web(hosts, resolve, credentials=credentials or {}).http_request, facts=facts, where=where)


def _is_host(name: str) -> bool:
    try:
        return read_url(f"https://{name}/").host == name
    except ValueError:
        return False


async def _body(response: httpx.Response) -> str:
    data = bytearray()
    async for chunk in response.aiter_raw():
        data += chunk
        if len(data) > BODY_LIMIT:
            break
    if response.headers.get("content-encoding", "identity") != "identity" or b"\0" in data[:8000]:
        return f"[{len(data)} bytes that are not text]"
    text = data[:BODY_LIMIT].decode("utf-8", "replace")
    cut = f"\n[cut after {BODY_LIMIT} bytes]" if len(data) > BODY_LIMIT else ""
    return head_and_tail(text) + cut


def _checked(headers: Mapping[str, str]) -> dict[str, str]:
    sent = {name.lower(): value for name, value in headers.items()}
    for name, value in sent.items():
        if name in OURS or header_fault(name, value):
            raise ModelRetry(f"The header {name!r} cannot be set. Leave it out.")
    return sent
