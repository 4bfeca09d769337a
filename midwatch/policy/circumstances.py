"""Permissions: does a rule hold now? What a rule asks beside the call's arguments: `if`, `hints`, `server`.

    - send_email
      if: [untrusted, private]
    - mcp__*__*
      server: trusted
      hints: {readOnlyHint: true, openWorldHint: false}

An allow rule needs to know: what nobody knows does not hold. For an ask or a deny rule it does. What a server does not say
of a tool is the worst (`ASSUMED`); only `destructiveHint: true` in a deny rule has to be said, because hardly a server says it
and nobody could lift the no. A hint that is not true or false, such as the text "true", says nothing, and opens nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from midwatch.decision import Verdict
from midwatch.policy.reading import LABELS, Label, PolicyContext, ServerFacts
from midwatch.policy.servers import MCP_PREFIX
from midwatch.spec_faults import nearest

ASSUMED: Final[Mapping[str, bool]] = {
    "readOnlyHint": False,
    "destructiveHint": True,
    "idempotentHint": False,
    "openWorldHint": True,
}
"""What a server that says nothing is taken to mean: the protocol's own defaults, which are the worst."""
CIRCUMSTANCES: Final = frozenset({"if", "hints", "server"})
"""The keys beside a rule that are read here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What must be so around a call for a rule to speak of it."""

    labels: tuple[Label, ...] = ()
    """All of them are on the run."""
    hints: Mapping[str, bool] = field(default_factory=dict)
    to_be_said: frozenset[str] = frozenset()
    """Hints of which silence is not taken for the worst."""
    trusted: bool = False
    """The tool's server must be one that the operator trusts."""

    def hold(self, context: PolicyContext, *, exact: bool) -> bool:
        """`exact` for an allow rule, generous for ask and deny."""
        return (
            all(context.labels.get(label, not exact) for label in self.labels)
            and (not self.trusted or (context.server.trusted if context.server else not exact))
            and all(self._said(context.server, name, wanted, exact=exact) for name, wanted in self.hints.items())
        )

    def _said(self, server: ServerFacts | None, name: str, wanted: bool, *, exact: bool) -> bool:
        if server is None:
            return not exact
        said = server.hints.get(name)
        if isinstance(said, bool):
            return said is wanted
        if name in self.to_be_said or (exact and said is not None):
            return False
        return ASSUMED[name] is wanted


def read_circumstances(entry: Mapping[str, Any], effect: Verdict) -> Circumstances | None:
    """None where the rule asks for nothing. Raises ValueError with what is wrong and what to write."""
    if not CIRCUMSTANCES.intersection(entry):
        return None
    if {"hints", "server"}.intersection(entry) and not any(key.startswith(MCP_PREFIX) for key in entry):
        raise ValueError("`hints` and `server` are about the tools of MCP servers: `mcp__SERVER__TOOL`")
    server = entry.get("server")
    if "server" in entry and server != "trusted":
        raise ValueError(f"`server: {server}` says nothing; only `server: trusted` does")
    return Circumstances(
        labels=_labels(entry.get("if", [])),
        hints=_hints(entry.get("hints", {})),
        to_be_said=frozenset({"destructiveHint"} if effect == "deny" else ()),
        trusted=server == "trusted",
    )


def _hints(said: object) -> dict[str, bool]:
    if not isinstance(said, Mapping):
        raise ValueError("`hints` is an object like `{readOnlyHint: true}`")
    for name, wanted in said.items():
        if name not in ASSUMED:
            raise ValueError(f"`hints` knows {', '.join(ASSUMED)}, not `{name}`{nearest(name, ASSUMED)}")
        if not isinstance(wanted, bool):
            raise ValueError(f"`hints.{name}` is true or false")
    return dict(said)


def _labels(said: object) -> tuple[Label, ...]:
    wanted = said if isinstance(said, list) else [said]
    if strange := [one for one in wanted if one not in LABELS]:
        raise ValueError(f"`if` knows {' and '.join(LABELS)}, not {strange[0]!r}")
    return tuple(label for label in LABELS if label in wanted)
