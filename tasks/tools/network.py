"""Tools: which hosts may a command reach? Those that the rules for `http_request` allow, at addresses that were checked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from midwatch.calls import Call, parse_call
from midwatch.decision import Decision
from midwatch.policy import Policy, PolicyContext
from midwatch.policy.tunnels import judge_tunnel
from midwatch.policy.urls import Url
from tasks.tools.hosts import Resolve, may_connect, resolve_host

CONNECT_SECONDS: Final = 20.0

Arguments = Mapping[str, Any]
Addresses = tuple[str, ...]
Judge = Callable[[Addresses], Decision]
"""May it be done, the host being at these addresses? None: they are not known yet, and DNS is asked only after a yes."""


class Refused(Exception):
    """`str()` says why, for whoever asked; `status` is the answer's."""

    def __init__(self, why: str, status: int = 403) -> None:
        super().__init__(why)
        self.status = status


def no_rules(_asked: object, _addresses: Addresses) -> Decision:
    """The answer until somebody sets another."""
    return Decision(verdict="deny", rule="default", reason="no rules have been set for the network")


def as_decided(decision: Decision, _call: Call) -> Decision:
    """Nothing makes it stricter."""
    return decision


@dataclass(kw_only=True)
class Network:
    """What the commands of one run may reach. The two judges are set when the run's rules are known; until then nothing."""

    hosts: Collection[str] = ()
    """The hosts of the allow rules (`hosts.allowed_hosts`); none: commands have no network at all."""
    request: Callable[[Arguments, Addresses], Decision] = no_rules
    """May this call of `http_request` (method, url, headers, body) be made?"""
    tunnel: Callable[[str, Addresses], Decision] = no_rules
    """May everything below this URL (`https://host:port/`) be reached unseen?"""
    resolve: Resolve = resolve_host
    reachable: Callable[[Url, str, Collection[str]], bool] = may_connect

    def judge_by(
        self,
        policy: Policy,
        context: Callable[[], PolicyContext] = PolicyContext,
        held: Callable[[Decision, Call], Decision] = as_decided,
    ) -> None:
        """From now on `policy` decides.

        Args:
            context: what is known of the run at the moment of a request.
            held: what may make a decision stricter: where the words of the call came from.
        """

        def request(asked: Arguments, addresses: Addresses) -> Decision:
            call = parse_call("http_request", asked)
            return held(policy.decide(call, replace(context(), addresses=addresses)), call)

        def tunnel(url: str, addresses: Addresses) -> Decision:
            call = parse_call("http_request", {"method": "POST", "url": url})
            return held(judge_tunnel(policy, url, replace(context(), addresses=addresses)), call)

        self.request, self.tunnel = request, tunnel

    async def connect(self, url: Url, judge: Judge) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to one of the host's addresses, once `judge` has allowed it without and with these.

        Raises:
            Refused: says why.
        """
        _judged(judge, ())
        try:
            addresses = tuple(await self.resolve(url.host, url.port))
        except OSError as error:
            raise Refused(f"{url.host} has no address: {error}", 502) from error
        _judged(judge, addresses)
        for address in addresses:
            if not self.reachable(url, address, self.hosts):
                raise Refused(f"{url.host} is at {address}, an internal address that no rule names")
        said = "it has no address"
        for address in addresses:
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    return await asyncio.open_connection(address, url.port)
            except (OSError, TimeoutError) as error:
                said = f"{type(error).__name__} {error}"
        raise Refused(f"{url.host} cannot be connected to: {said}", 502)


def _judged(judge: Judge, addresses: Addresses) -> None:
    """Raises Refused unless it is allowed; what throws is not."""
    try:
        decision = judge(addresses)
    except Exception as error:
        raise Refused(f"the rules could not be asked ({type(error).__name__})") from error
    if decision.verdict != "allow":
        raise Refused(f"{decision.verdict} by {decision.rule}: {decision.reason}")
