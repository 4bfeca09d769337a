"""Human judgment: which known-bad proposals may stand among an agent's requests, and how often?

A planted proposal measures whether people look. It can never run: no yes to it is good for anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from midwatch.calls import Call, parse_call
from midwatch.errors import CallError, SpecError
from midwatch.policy import Policy
from midwatch.policy.rules import SIBLINGS, read_rules
from midwatch.policy.shapes import misfit
from midwatch.spec import AgentSpec, Rule
from midwatch.spec_faults import nearest

SHORTEST: Final = 15.0
"""Minutes that people have at least: of requests that are more urgent none is a test."""
HASTE: Final = 2.0
"""Where the share leaves room, tests come so much more often than it, so that it is reached and no test can be foreseen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownBad:
    """A call that must never run."""

    call: Call
    wrong: str
    """Why, for the person who decided about it."""


def known_bad(spec: AgentSpec, policy: Policy) -> tuple[KnownBad, ...]:
    """What may be planted for this agent: what its file names; else the examples of its own deny rules.

    Args:
        policy: of the agent, compiled.

    Raises:
        SpecError: one of the calls is none that the agent's tools take, or there is none at all.
    """
    if spec.planted is None:
        return ()
    if spec.planted.calls:
        return tuple(
            KnownBad(call=_fitting(one.tool, one.args, policy, f"planted.calls[{place}]"), wrong=one.wrong)
            for place, one in enumerate(spec.planted.calls)
        )
    found = tuple(one for rule in spec.rules.deny for one in _examples(rule, policy))
    if not found:
        said = "there is nothing to plant: name `calls`, or give a deny rule `match` examples that are whole calls"
        raise SpecError(said, field="planted")
    return found


def chance(share: float, beside: int) -> float:
    """How likely a round of `beside` requests gets a test, where the share leaves room for one."""
    return min(1.0, HASTE * share * beside)


def _fitting(tool: str, args: Mapping[str, Any], policy: Policy, field: str) -> Call:
    try:
        call = parse_call(tool, args)
    except CallError as error:
        raise SpecError(str(error), field=field) from error
    if fault := _fault(call, policy):
        raise SpecError(fault, field=field)
    return call


def _fault(call: Call, policy: Policy) -> str:
    """Why a person could tell that no agent asked for it; "" where it is a whole call."""
    if call.tool not in policy.toolbox.families:
        return f"there is no tool `{call.tool}`{nearest(call.tool, policy.toolbox.families)}"
    known = policy.arguments.get(call.tool)
    if known is not None and (strange := sorted(set(call.args).difference(known))):
        return f"`{call.tool}` has no argument `{strange[0]}`{nearest(strange[0], known)}"
    fault = misfit(policy.schemas.get(call.tool, {}), call.args)
    return f"`{call.tool}` does not take these arguments: {fault}" if fault else ""


def _examples(written: Rule, policy: Policy) -> Iterator[KnownBad]:
    """The whole calls among a deny rule's `match` examples."""
    if isinstance(written, str) or "match" not in written:
        return
    (name,) = set(written) - SIBLINGS
    tool, examples = min(policy.toolbox.named(name)), written["match"]
    (rule,) = read_rules("deny", [written], policy.toolbox)
    for example in examples if isinstance(examples, list) else [examples]:
        args = policy.toolbox.families[tool].example(example) if isinstance(example, str) else example
        call = parse_call(tool, args)
        if not _fault(call, policy):
            yield KnownBad(call=call, wrong=rule.why or f"rule {rule.id} denies it")
