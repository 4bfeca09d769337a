"""Permissions: does a rule hold now? What a rule asks beside the call's arguments: `if`, `hints`, `server`.

    - send_email
      if: [untrusted, private]
    - mcp__*__*
      server: trusted
      hints: {readOnlyHint: true, openWorldHint: false}

An allow rule needs to know: what nobody knows does not hold. For an ask or a deny rule it does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from midwatch.policy.reading import LABELS, Label, PolicyContext, ServerFacts
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
    trusted: bool = False
    """The tool's server must be one that the operator trusts."""

    def hold(self, context: PolicyContext, *, exact: bool) -> bool:
        """`exact` for an allow rule, generous for ask and deny."""
        return (
            all(context.labels.get(label, not exact) for label in self.labels)
            and (not self.trusted or (context.server.trusted if context.server else not exact))
            and all(_said(context.server, name, wanted, exact=exact) for name, wanted in self.hints.items())
        )


def _said(server: ServerFacts | None, name: str, wanted: bool, *, exact: bool) -> bool:
    """An allow rule takes the assumed value for what is not said; an ask or deny rule needs it to be said."""
    if server is None:
        return not exact
    said = server.hints.get(name)
    if isinstance(said, bool):
        return said is wanted
    return exact and said is None and ASSUMED[name] is wanted


def read_circumstances(entry: Mapping[str, Any]) -> Circumstances | None:
    """None where the rule asks for nothing. Raises ValueError with what is wrong and what to write."""
    if not CIRCUMSTANCES.intersection(entry):
        return None
    labels = entry.get("if", [])
    hints = entry.get("hints", {})
    server = entry.get("server")
    if server not in (None, "trusted"):
        raise ValueError(f"`server: {server}` says nothing; only `server: trusted` does")
    if not isinstance(hints, Mapping):
        raise ValueError("`hints` is an object like `{readOnlyHint: true}`")
    for name, said in hints.items():
        if name not in ASSUMED:
            raise ValueError(f"`hints` knows {', '.join(ASSUMED)}, not `{name}`{nearest(name, ASSUMED)}")
        if not isinstance(said, bool):
            raise ValueError(f"`hints.{name}` is true or false")
    return Circumstances(labels=_labels(labels), hints=dict(hints), trusted=server == "trusted")


def _labels(said: object) -> tuple[Label, ...]:
    wanted = said if isinstance(said, list) else [said]
    if strange := [one for one in wanted if one not in LABELS]:
        raise ValueError(f"`if` knows {' and '.join(LABELS)}, not {strange[0]!r}")
    return tuple(label for label in LABELS if label in wanted)
