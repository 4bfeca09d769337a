"""The fault matrix as data: what goes wrong, and what must come out.

What a run rides out is an item of one long run: a conversation of its own, which must come out as if nothing had happened.
What ends or parks a run has a run of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from midwatch.ledger import EffectState
from midwatch.outcome import Outcome
from tests.flows.scripted_model import Calls, CutOff, Fault, Garbage, Says, Silence, Status, Turn, call

ANSWER_SECONDS: Final = 5.0
RETRY_AFTER: Final = 2.0

BODY: Final = f"""
patience: {{attempts: 3, answer_seconds: {ANSWER_SECONDS}, park_minutes: 0.05}}
tools:
  - python: tests.flows.faulty_tools:write_line
  - python: tests.flows.faulty_tools:break_in_writing
  - python: tests.flows.faulty_tools:hang_in_writing
  - python: tests.flows.faulty_tools:break_in_reading
  - python: tests.flows.faulty_tools:hang_in_reading
  - python: tests.flows.faulty_tools:hang_in_a_thread
  - python: tests.flows.faulty_tools:read_at_length
  - python: tests.flows.faulty_tools:fill_the_disk
  - python: tests.flows.places:append_line
rules:
  allow:
    - write_line
    - break_in_writing
    - hang_in_writing
    - break_in_reading
    - hang_in_reading
    - hang_in_a_thread
    - read_at_length
    - fill_the_disk
    - append_line
ceiling: 4
contract:
  done_when:
    - python: tests.flows.faulty_tools:each_line_once
"""


def writes(line: str) -> Calls:
    return call("write_line", line=line)


WRITES: Final = writes("one")
TRUNCATED: Final = Calls([("write_line", '{"line": "x", "ti')])
READS_AT_LENGTH: Final = call("read_at_length")


@dataclass(frozen=True, kw_only=True)
class RiddenOut:
    """One conversation: `bad` turns of the model, then its one effect, then, after `faults`, its last words."""

    bad: Sequence[Turn] = ()
    faults: Sequence[Fault] = ()
    hears: str = ""
    """What the model is told of it."""
    waits: float = 0.0
    """Seconds between the fault and the next request, at least."""

    def turns(self, name: str) -> list[Turn]:
        return [*self.bad, writes(name), "done"]

    def faults_by_turn(self) -> dict[int, list[Fault]]:
        """After the effect, which would happen twice if the turn before were lost."""
        return {len(self.bad) + 1: list(self.faults)}

    @property
    def requests(self) -> int:
        return len(self.bad) + len(self.faults) + 2


BOTH: Final[Mapping[str, RiddenOut]] = {
    "429-with-retry-after": RiddenOut(
        faults=[Status(status=429, headers={"Retry-After": f"{RETRY_AFTER:.0f}"})], waits=RETRY_AFTER
    ),
    "429": RiddenOut(faults=[Status(status=429)]),
    "500": RiddenOut(faults=[Status(status=500)]),
    "529-overloaded": RiddenOut(faults=[Status(status=529)]),
    "connection-reset-in-mid-answer": RiddenOut(faults=[CutOff()]),
    "read-timeout": RiddenOut(faults=[Silence()], waits=ANSWER_SECONDS),
    "answer-that-is-none": RiddenOut(faults=[Garbage("{}"), Garbage("<html>Bad gateway</html>")]),
    "empty-answer": RiddenOut(faults=[Says("")]),
    "unknown-tool": RiddenOut(bad=[call("write_lines", line="x")], hears="Unknown tool name: 'write_lines'"),
    "wrong-argument-types": RiddenOut(bad=[call("write_line", line="x", times="often")], hears="valid integer"),
    "tool-exception": RiddenOut(bad=[call("break_in_reading")], hears="FileNotFoundError: there is no such shelf"),
}

RIDDEN_OUT: Final[Mapping[str, Mapping[str, RiddenOut]]] = {
    "openai-chat": {**BOTH, "truncated-json-arguments": RiddenOut(bad=[TRUNCATED], hears="EOF while parsing")},
    "anthropic": BOTH,
}
"""By wire. In Anthropic's the arguments are an object of the answer, so they cannot be cut off alone."""


@dataclass(frozen=True, kw_only=True)
class Ends:
    """One run, and how it ends."""

    turns: Sequence[Turn] = (WRITES, "done")
    body: str = BODY
    model: str = ""
    """The agent's `model`, where it is not the one that is named like the row."""
    always: Fault | None = None
    window: int | None = None
    """Characters that the model takes."""
    outcome: Outcome
    says: str = ""
    effects: Sequence[EffectState] = ()
    requests: int
    """Of the model that is named like the row."""


READS: Final = """
tools:
  - read_file: {root: work}
ceiling: 4
"""
NEVER: Final = "contract:\n  done_when:\n    - file: {path: work/never.txt}\n"
PROMISE: Final = ("all done, I promise",)

ENDS: Final[Mapping[str, Ends]] = {
    "output-that-never-validates": Ends(turns=[TRUNCATED] * 9, outcome="failed", says="retries", requests=4),
    "same-call-for-ever": Ends(
        body=f"{BODY}monitors: {{loop: {{then: end}}}}\n",
        turns=[call("break_in_reading")] * 99,
        outcome="blocked",
        says="repeats itself: 6 times in a row",
        requests=7,  # the last one hands over
    ),
    "provider-down-with-fallback": Ends(
        model="[openai-chat:provider-down-with-fallback, openai-chat:fallback]",
        always=Status(status=503),
        outcome="verified",
        effects=["consumed"],
        requests=4,
    ),
    "context-overflow": Ends(
        body=f"{BODY}monitors: {{loop: {{then: off}}}}\n",  # what it would tell the model takes room too
        turns=[*[READS_AT_LENGTH] * 4, WRITES, "done"],
        window=6_000,
        outcome="verified",
        effects=["consumed"],
        requests=7,
    ),
    "tool-exception-in-an-effect": Ends(
        turns=[call("break_in_writing", line="one"), "done"],
        outcome="unknown",
        says="break_in_writing",
        effects=["unknown"],
        requests=1,
    ),
    "tool-hang": Ends(
        body=f"{BODY}limits: {{minutes: 0.25}}\n",
        turns=[call("hang_in_reading"), "done"],
        outcome="blocked",
        says="limits.minutes",
        requests=1,
    ),
    "tool-hang-in-a-thread": Ends(
        body=f"{BODY}limits: {{minutes: 0.25}}\n",
        turns=[call("hang_in_a_thread"), "done"],
        outcome="blocked",
        says="limits.minutes",
        requests=1,
    ),
    "tool-hang-in-an-effect": Ends(
        body=f"{BODY}limits: {{minutes: 0.25}}\n",
        turns=[call("hang_in_writing", line="one"), "done"],
        outcome="unknown",
        says="hang_in_writing",
        effects=["unknown"],
        requests=1,
    ),
    "wrong-agent-file": Ends(body="tools: [shel]\n", outcome="failed", says="shell", requests=0),
    "denied-tool": Ends(
        body=f"{READS}rules: {{deny: [read_file]}}\n{NEVER}",
        turns=[call("read_file", path="note.txt"), "I could not, but all is well"],
        outcome="blocked",
        says="read_file",
        requests=2,
    ),
    "broken-contract": Ends(body=READS + NEVER, turns=PROMISE, outcome="failed", says="never.txt", requests=1),
    "no-contract": Ends(body=READS, turns=PROMISE, outcome="unverified", says="contract.done_when", requests=1),
    "nothing-to-do": Ends(
        body=f"{READS}contract:\n  noop_when:\n    - file: {{path: work/inbox, exists: false}}\n",
        outcome="verified_noop",
        says="inbox",
        requests=0,
    ),
}


@dataclass(frozen=True, kw_only=True)
class Parked:
    """What makes a run wait without a process, until its model is there again."""

    faults: Sequence[Fault]
    says: str
    """What a person reads."""


PARKED: Final[Mapping[str, Parked]] = {
    "provider-down": Parked(faults=[Status(status=503)] * 3, says="kept failing"),
    "401": Parked(faults=[Status(status=401)], says="openai refused the key for 'parked' with 401"),
}
"""In one run, one turn after the other: the first mends itself, the second is mended by a person."""
