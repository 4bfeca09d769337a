"""Chaos: did a run come out as if nobody had killed it? The world's record is held against the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from benchmarks.chaos_run.evidence import Did, Evidence, is_failure
from benchmarks.chaos_run.scenario import EFFECTS, Planned
from benchmarks.chaos_run.trial import Fault
from midwatch.calls import canonical_json


def judged(evidence: Evidence) -> list[Fault]:
    """Everything that is wrong."""
    return [
        *(Fault(kind="duplicates", what=what) for what in duplicates(evidence)),
        *(Fault(kind="lost", what=what) for what in lost(evidence)),
        *(Fault(kind="unknown_unasked", what=what) for what in unasked(evidence)),
        *(Fault(kind="wrong_outcome", what=what) for what in otherwise(evidence)),
    ]


def duplicates(evidence: Evidence) -> Iterator[str]:
    """Whatever the world saw twice. It knows a label's request by its key: the first half of one may come again."""
    for (call, stage), times in Counter((mark.call, mark.stage) for mark in evidence.marks).items():
        if times > 1 and call[0] in EFFECTS and stage != "threw" and (call[0], stage) != ("label", "began"):
            yield f"{_shown(call)} {stage} {times} times"
    for left in evidence.remains:
        again = {mark.call for mark in evidence.marks[left.marks :]} & left.finished
        yield from (f"{_shown(call)} was a finished step, and was run again" for call in again)


def lost(evidence: Evidence) -> Iterator[str]:
    """Whatever one of the two sides does not know of, or was to be done and is not."""
    happened, consumed = _happened(evidence), _recorded(evidence, "consumed")
    yield from (f"{_shown(call)} stands as done, and is not" for call in consumed - happened)
    known = consumed | _recorded(evidence, "unknown")
    yield from (f"{_shown(call)} was done, and the ledger does not know it" for call in happened - known)
    if evidence.outcome != "unknown":
        yield from (f"{_shown(call)} was to be done, and is not" for call in _allowed(evidence) - happened)


def unasked(evidence: Evidence) -> Iterator[str]:
    """Whatever is in doubt and was not asked about exactly once; and a question about what is in no doubt."""
    opened = Counter(body["ask_id"] for kind, body in evidence.journal if kind == "ask_opened")
    settle = [ask for ask in evidence.asks if ask.kind == "settle"]
    for effect in evidence.effects:
        waiting = sum(ask.call_id == effect.call_id and ask.verdict is None for ask in settle)
        if effect.state == "reserved" or waiting != (effect.state == "unknown"):
            yield f"{effect.tool} {effect.args_json} is {effect.state}, and {waiting} questions wait about it"
    yield from (f"{ask.ask_id} was opened {opened[ask.ask_id]} times" for ask in settle if opened[ask.ask_id] != 1)


def otherwise(evidence: Evidence) -> Iterator[str]:
    """Whatever else differs from a run that nobody disturbed."""
    yield from _outcome(evidence)
    yield from _counts(evidence)
    done = {mark.call for mark in evidence.marks if mark.stage != "threw" and mark.tool in EFFECTS}
    yield from (f"{_shown(call)} was done, and nobody allowed it" for call in done - _allowed(evidence))
    if not evidence.chain_holds:
        yield "the journal's chain is broken"


def _outcome(evidence: Evidence) -> Iterator[str]:
    expected = "unknown" if _in_doubt(evidence) else evidence.scenario.outcome_without_doubt()
    if evidence.outcome != expected:
        yield f"it ended as {evidence.outcome}, not as {expected}; in doubt: {sorted(_in_doubt(evidence))}"
    if list(evidence.endings) != [evidence.outcome]:
        yield f"its lives said {evidence.endings}, and the ledger says {evidence.outcome}"
    for call in _recorded(evidence, "unknown") - _may_be_unknown(evidence):
        yield f"{_shown(call)} is unknown, and could have been known"


def _counts(evidence: Evidence) -> Iterator[str]:
    asked = Counter((ask.tool, ask.args_json) for ask in evidence.asks if ask.kind != "settle")
    yield from (f"{_shown(call)} was asked {times} times" for call, times in asked.items() if times > 1)
    spent = Counter(body["ask_id"] for kind, body in evidence.journal if kind == "approval_spent")
    for ask_id in {row.ask_id for row in evidence.effects if row.ask_id} | set(spent):
        if spent[ask_id] != 1:
            yield f"the yes of {ask_id} was spent {spent[ask_id]} times"
    if evidence.turns != evidence.turns_charged:
        yield f"{evidence.turns} model requests are recorded, and {evidence.turns_charged} were charged"
    if evidence.turns > evidence.scenario.most_turns():
        yield f"the model had {evidence.turns} turns, not {evidence.scenario.most_turns()}"
    if evidence.asked > evidence.turns + len(evidence.remains):
        yield f"the model was asked {evidence.asked} times in {evidence.turns} turns; {len(evidence.remains)} lives ended early"
    if evidence.told > 1:
        yield f"the report was written {evidence.told} times"


def _happened(evidence: Evidence) -> set[Did]:
    return {mark.call for mark in evidence.marks if mark.stage == "did" and mark.tool in EFFECTS}


def _allowed(evidence: Evidence) -> set[Did]:
    return {_did(call) for call in evidence.scenario.allowed()}


def _recorded(evidence: Evidence, state: str) -> set[Did]:
    """Effects in this state; one whose tool said that it failed is recorded as not done."""
    return {
        (row.tool, row.args_json) for row in evidence.effects if row.state == state and not is_failure(row.result_json)
    }


def _may_be_unknown(evidence: Evidence) -> set[Did]:
    """What is in doubt, and what its turn cut off in the middle when it ended the run."""
    culprits = _in_doubt(evidence)
    turns = [{_did(call) for call in turn} for turn in evidence.scenario.all_turns()]
    return {call for turn in turns if turn & culprits for call in turn} | culprits


def _in_doubt(evidence: Evidence) -> frozenset[Did]:
    """What no life of the run could tell, and no person has told it."""
    thrown = frozenset(_did(call) for call in evidence.scenario.all_calls() if call.throws_blindly)
    return evidence.in_doubt | (thrown - evidence.settled)


def _did(call: Planned) -> Did:
    return call.tool, canonical_json(call.args)


def _shown(call: Did) -> str:
    return " ".join(call)
