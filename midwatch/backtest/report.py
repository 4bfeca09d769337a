"""The backtest: how often, in which share of the cases, and which calls? And may such a change be made without a word?"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final

from midwatch.backtest.change import OF, REFUSED, WORDS, Change, Past, change_of
from midwatch.backtest.replay import Doubt, Told
from midwatch.calls import canonical_json
from midwatch.policy.paths import FILE_TOOLS
from midwatch.policy.servers import MCP_PREFIX
from midwatch.precision import wilson
from midwatch.run import Level

EARNS: Final[Level] = 4
"""From this level on a class that has earned it goes unasked."""
EXAMPLES: Final = 5
"""Different calls that are kept of each change: the first ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One call that would have been another."""

    run_id: str
    at: datetime
    tool: str
    args_json: str
    was: Past
    by: str
    """The rule that decided then."""
    now: str
    """Verdict and rule."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How often a change came about. The interval is Wilson's at 95 %, as if every call stood for itself."""

    count: int
    of: int
    lower: float
    upper: float
    examples: tuple[Example, ...]


@dataclass
class Tally:
    """What a replay comes to, while it goes on."""

    level: Level | None = None
    """The one under test."""
    told: Counter[tuple[Past, Change]] = field(default_factory=Counter)
    doubts: Counter[Doubt] = field(default_factory=Counter)
    open_denials: int = 0
    examples: dict[Change, dict[tuple[str, str], Example]] = field(default_factory=dict)
    later: int = 0
    unrecorded: int = 0
    paths: int = 0
    served: int = 0
    unearned: int = 0
    calls: int = 0

    def add(self, told: Sequence[Told]) -> None:
        """One page."""
        for one in told:
            self._add(one)

    def _add(self, one: Told) -> None:
        self.calls += 1
        self.paths += one.call.tool in FILE_TOOLS or one.call.tool == "shell"
        self.served += one.call.tool.startswith(MCP_PREFIX)
        self.unearned += one.now.verdict == "allow" and (self.level or one.call.run.level) >= EARNS
        if one.doubt is not None:
            self.doubts[one.doubt] += 1
            self.open_denials += one.past in ("denied", "edited")
            return
        change = change_of(one.past, one.now.verdict)
        self.told[one.past, change] += 1
        if change != "unchanged":
            self._keep(change, one)

    def _keep(self, change: Change, one: Told) -> None:
        kept, call = self.examples.setdefault(change, {}), one.call
        if len(kept) < EXAMPLES and (call.tool, call.args_json) not in kept:
            kept[call.tool, call.args_json] = Example(
                run_id=call.run_id,
                at=call.at,
                tool=call.tool,
                args_json=call.args_json,
                was=one.past,
                by=call.rule,
                now=f"{one.now.verdict} ({one.now.rule})",
                reason=one.now.reason,
            )

    def share(self, change: Change) -> Share:
        """Of the calls that could have become this."""
        count = sum(times for (_, became), times in self.told.items() if became == change)
        of = sum(times for (past, _), times in self.told.items() if past in OF[change])
        lower, upper = wilson(count, of)
        examples = tuple(self.examples.get(change, {}).values())
        return Share(count=count, of=of, lower=lower, upper=upper, examples=examples)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a backtest found. The same ledger and the same rules give the same report."""

    agent: str
    rules: str
    """Fingerprint of the new ones."""
    level: Level | None
    model: str | None
    """Whose recorded answers are replayed; None: all."""
    since: datetime | None
    until: datetime | None
    calls: int
    changes: Mapping[Change, Share]
    cannot_tell: Mapping[Doubt, int]
    open_denials: int
    """Of those of which nobody can tell, what a person denied or changed."""
    taken: Mapping[str, int]
    """What was taken to be so, and for how many calls."""

    @property
    def told(self) -> int:
        """Calls of which it is known what they would have been."""
        return self.changes["unchanged"].of

    def facts(self) -> dict[str, Any]:
        """For machines, and for `digest`."""
        said = asdict(self)
        for name in ("since", "until"):
            said[name] = said[name] and said[name].isoformat()
        for share in said["changes"].values():
            share["examples"] = [{**one, "at": one["at"].isoformat()} for one in share["examples"]]
        return {**said, "told": self.told, "refused": refusal(self)}

    def digest(self) -> str:
        """SHA-256 (hex) of all that it says."""
        return hashlib.sha256(canonical_json(self.facts()).encode("ascii")).hexdigest()


def report(
    tally: Tally,
    *,
    agent: str,
    rules: str,
    level: Level | None,
    since: datetime | None,
    until: datetime | None,
    model: str | None = None,
) -> Report:
    """What a tally says when all is read."""
    taken = {
        "paths are taken as they are spelled: no link is followed, no disk is looked at": tally.paths,
        "the tools of MCP servers are taken to be those that a person has looked at": tally.served,
        "at level 4 and above what the rules allow goes unasked, whether its class has earned that or not": tally.unearned,
        f"decided in runs of which no answer, or not every one, is {model}'s, so that they are left out, also of budgets": (
            tally.unrecorded
        ),
        "judged again after a yes or a crash, and not counted again": tally.later,
    }
    return Report(
        agent=agent,
        rules=rules,
        level=level,
        model=model,
        since=since,
        until=until,
        calls=tally.calls,
        changes={change: tally.share(change) for change in WORDS},
        cannot_tell=dict(sorted(tally.doubts.items())),
        open_denials=tally.open_denials,
        taken={what: times for what, times in taken.items() if times},
    )


def refusal(found: Report) -> str:
    """Why the change may not be made without somebody who takes it upon themselves; "" where nothing speaks against it.

    A denial of which nobody can tell counts as well: what is unknown is not allowed.
    """
    counts = {WORDS[change]: found.changes[change].count for change in REFUSED}
    counts["cannot be told of, which a person denied or changed"] = found.open_denials
    said = [f"{count} {what}" for what, count in counts.items() if count]
    return f"of {found.calls} calls of {found.agent}, {'; '.join(said)}" if said else ""
