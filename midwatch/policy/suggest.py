"""Permissions: which few rules would have saved a person most of the questions that were asked?

Greedy set cover over narrow rules. No rule is suggested that would have allowed a call that a person refused or changed,
nor one that nobody ever said yes to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal

from midwatch.calls import Call, canonical_json
from midwatch.policy.engine import Policy
from midwatch.policy.narrow import Proposal, Trial, Unallowable, draft, rule_of, with_examples
from midwatch.policy.reading import PolicyContext
from midwatch.policy.wording import Wording, Wordless, kin
from midwatch.spec import Rule

Answered = Literal["approved", "refused", "unanswered"]
"""refused: denied, or approved with other arguments; unanswered: still open, or nobody said anything in time."""
Remainder = Literal["allowed", "asked by a rule", "denied", "no rule"]
"""Why a question can't be saved by an allow rule.

allowed          the rules allow it by now; the level asked, or the rules have changed
asked by a rule  an ask rule speaks of it, or what the run had read by then asked
denied           the rules deny it by now
no rule          no rule may allow it: a variable, a redirection, a URL that programs read differently
"""

LEAST: Final = 2
"""A rule that saves fewer questions is not worth reading."""
NEARLY: Final = 0.8
"""A narrower rule that saves at least this part of what the best one saves is taken before it."""

FEW: Final = 12
"""Suggestions at most: what comes after is for the next time."""
TRIED: Final = 200
"""Groups of calls that are tried, the largest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question of the past."""

    call: Call
    rule: str
    """What asked."""
    answer: Answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    proposal: Proposal
    saves: int
    """Questions that it would have saved, beyond those that the suggestions before it save."""
    answers: Mapping[Answered, int]
    """How people answered those."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestions:
    suggestions: tuple[Suggestion, ...]
    asks: int
    """All that were looked at."""
    rest: Mapping[Remainder, int]
    """Those that no allow rule would have saved."""


Around = Callable[[str], PolicyContext]
"""What is taken as known around a call of this tool: the best case, since what else asked stands in the question."""
Times = Mapping[str, Counter[Answered]]
"""By call, how often it was answered how."""


def suggest(asked: Sequence[Asked], trial: Trial, around: Around, *, refused: Sequence[Call] = ()) -> Suggestions:
    """The rules to suggest for what was asked about one agent.

    Args:
        trial: compiles its policy with some more allow rules.
        refused: calls that a person refused or changed earlier.
    """
    trial = _remembered(trial)
    rest: Counter[Remainder] = Counter()
    calls: dict[str, Call] = {}
    times: dict[str, Counter[Answered]] = {}
    never = [*refused, *(one.call for one in asked if one.answer == "refused")]
    for one in asked:
        if why := _remainder(one, trial, around):
            rest[why] += 1
        else:
            key = f"{one.call.tool} {canonical_json(one.call.args)}"
            calls[key] = one.call
            times.setdefault(key, Counter())[one.answer] += 1
    groups = _groups({key: call for key, call in calls.items() if not times[key]["refused"]}, times, trial([]))
    candidates = [made for group in groups if (made := _tried(group, calls, never, trial, around))]
    return Suggestions(suggestions=tuple(islice(_greedy(candidates, times, trial), FEW)), asks=len(asked), rest=rest)


def _remembered(trial: Trial) -> Trial:
    """`trial`, which compiles the same rules once."""
    known: dict[str, Policy] = {}

    def tried(extra: Sequence[Rule]) -> Policy:
        key = canonical_json(list(extra))
        if key not in known:
            known[key] = trial(extra)
        return known[key]

    return tried


def _remainder(one: Asked, trial: Trial, around: Around) -> Remainder | None:
    """Why no allow rule would have saved the question; None: one might have."""
    context = around(one.call.tool)
    decision = trial([]).decide(one.call, context)
    if decision.verdict == "allow":
        return "allowed"
    if decision.verdict == "deny" and decision.rule != "default":
        return "denied"
    if decision.rule != "default" or not one.rule.startswith(("default", "allow.")):
        return "asked by a rule"
    return None if trial([one.call.tool]).decide(one.call, context).verdict == "allow" else "no rule"


def _groups(calls: Mapping[str, Call], times: Times, policy: Policy) -> Iterator[tuple[Call, ...]]:
    """Calls that one rule may be for: the same one again and again, and such as are akin."""
    groups: dict[Hashable, set[str]] = {}
    for key, call in calls.items():
        groups[key] = {key}
        for name in _kin(call, policy):
            groups.setdefault(name, set()).add(key)
    size = {members: _total(members, times).total() for members in map(frozenset, groups.values())}
    for members in sorted(size, key=lambda one: (-size[one], len(one), sorted(one)))[:TRIED]:
        if size[members] >= LEAST:
            yield tuple(calls[key] for key in sorted(members))


def _kin(call: Call, policy: Policy) -> Iterable[Hashable]:
    try:
        return kin(call, policy)
    except Wordless:
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    tool: str
    said: Wording
    made_from: int
    """Different calls: of rules that save as much, the one made from the fewest is the narrowest."""
    saves: frozenset[str]


def _tried(
    group: tuple[Call, ...], calls: Mapping[str, Call], never: Iterable[Call], trial: Trial, around: Around
) -> _Candidate | None:
    """The group's narrowest rule with what it would have saved; None where there is none, or it would let too much through."""
    tool = group[0].tool
    said = draft(group, trial, around(tool))
    if isinstance(said, Unallowable):
        return None
    policy = trial([rule_of(tool, said)])

    def allows(call: Call) -> bool:
        return call.tool == tool and policy.decide(call, around(tool)).verdict == "allow"

    if any(map(allows, never)):
        return None
    saves = frozenset(key for key, call in calls.items() if allows(call))
    return _Candidate(tool=tool, said=said, made_from=len(group), saves=saves)


def _greedy(candidates: Sequence[_Candidate], times: Times, trial: Trial) -> Iterator[Suggestion]:
    """Again and again the narrowest of those that save nearly as much of what is left as the best one."""
    covered: frozenset[str] = frozenset()
    left = list(candidates)
    while left:
        saved = [_total(one.saves - covered, times) for one in left]
        most = max(answers.total() for answers in saved)
        if most < LEAST:
            return
        enough = [at for at, answers in enumerate(saved) if answers.total() >= max(LEAST, NEARLY * most)]
        best = min(enough, key=lambda at: (left[at].made_from, -saved[at].total(), str(left[at].said.words)))
        one, answers = left.pop(best), saved[best]
        proposal = with_examples(one.tool, one.said, trial)
        if answers["approved"] and not isinstance(proposal, Unallowable):
            covered |= one.saves
            yield Suggestion(proposal=proposal, saves=answers.total(), answers=answers)


def _total(keys: Iterable[str], times: Times) -> Counter[Answered]:
    total: Counter[Answered] = Counter()
    for key in keys:
        total.update(times[key])
    return total
