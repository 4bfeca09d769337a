"""Chaos: what is a run to do, what does a person say to it, and how does it come out if nobody disturbs it?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from benchmarks.chaos_run.tools import SHAKY
from midwatch.outcome import Outcome

AGENT: Final = "chaos"
ALONE: Final = ("the shop",)
EFFECTS: Final = frozenset({"label", "entry", "post", "order", "burn"})
Said = Literal["approved", "denied", "edited", "silence"]
"""What a person says to an order; `silence`: the deadline passes."""
Door = Literal["cli", "prefect-ui"]
DOORS: Final[tuple[Door, ...]] = ("cli", "prefect-ui")


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One call that the model makes; `{item}` in its arguments is what its conversation is about."""

    tool: str
    args: Mapping[str, Any]

    @property
    def is_shaky(self) -> bool:
        """It throws the first time."""
        return str(next(iter(self.args.values()))).startswith(SHAKY)

    @property
    def throws_blindly(self) -> bool:
        """It throws, and nobody can tell whether it was done."""
        return self.tool == "post" and self.is_shaky

    def about(self, item: str) -> Planned:
        """The call as it is made in the conversation about `item`."""
        filled = {
            name: value.replace("{item}", item) if isinstance(value, str) else value
            for name, value in self.args.items()
        }
        return Planned(tool=self.tool, args=filled)


Turn = tuple[Planned, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One kind of run."""

    name: str
    turns: tuple[Turn, ...]
    said: Said = "approved"
    door: Door = "cli"
    needed: frozenset[str] = frozenset()
    """Tools that the contract needs although they are refused."""
    own_ids: bool = True
    """The model gives every call an id of its own; otherwise it counts from 0 in each turn, as some do."""
    items: tuple[str, ...] = ALONE
    """One conversation about each."""

    def calls(self, item: str) -> tuple[Turn, ...]:
        """What the model does in the conversation about `item`, turn by turn."""
        return tuple(tuple(call.about(item) for call in turn) for turn in self.turns)

    def all_turns(self) -> Iterator[Turn]:
        """Every turn of the run."""
        return (turn for item in self.items for turn in self.calls(item))

    def all_calls(self) -> Iterator[Planned]:
        """Every call of the run."""
        return (call for turn in self.all_turns() for call in turn)

    def most_turns(self) -> int:
        """Model requests: one for each turn, one more where a tool says that it failed, and one for the last words."""
        again = [
            turn for turn in self.all_turns() if any(one.is_shaky and one.tool in ("look", "entry") for one in turn)
        ]
        return len(list(self.all_turns())) + len(again) + len(self.items)

    def wanted(self) -> list[Planned]:
        """What the contract looks for in the world."""
        return [now for call in self.all_calls() if call.tool in EFFECTS and (now := self._as_wanted(call)) is not None]

    def allowed(self) -> list[Planned]:
        """Every effect that may be in the world, and no other may."""
        return [
            self._as_done(call) for call in self.all_calls() if call.tool in EFFECTS and not self._is_refused(call.tool)
        ]

    def outcome(self) -> Outcome:
        """Of a run that nobody disturbs."""
        return "unknown" if any(call.throws_blindly for call in self.all_calls()) else self.outcome_without_doubt()

    def outcome_without_doubt(self) -> Outcome:
        """Of a run about which a person has cleared up what it could not tell by itself."""
        return "blocked" if any(self._is_refused(call.tool) for call in self.wanted()) else "verified"

    def _is_refused(self, tool: str) -> bool:
        return tool == "burn" or (tool == "order" and self.said in ("denied", "silence"))

    def _as_wanted(self, call: Planned) -> Planned | None:
        if self._is_refused(call.tool):
            return call if call.tool in self.needed else None
        return self._as_done(call)

    def _as_done(self, call: Planned) -> Planned:
        if call.tool == "order" and self.said == "edited":
            return Planned(tool="order", args=edited(call.args))
        return call


def edited(args: Mapping[str, Any]) -> dict[str, Any]:
    """What a person makes of an order."""
    return {**args, "amount": args["amount"] + 1}


def planned(tool: str, **args: Any) -> Planned:
    """One call."""
    return Planned(tool=tool, args=args)


LOOK: Final = planned("look", shelf=f"{SHAKY} shelf of {{item}}")
TOP: Final = planned("look", shelf="top shelf of {item}")
RED: Final = planned("label", name="red of {item}")
BLUE: Final = planned("label", name=f"{SHAKY} blue of {{item}}")
GREEN: Final = planned("label", name="green of {item}")
ONE: Final = planned("entry", line="one of {item}")
TWO: Final = planned("entry", line=f"{SHAKY} two of {{item}}")
THREE: Final = planned("entry", line="three of {item}")
ORDER: Final = planned("order", item="tyres for {item}", amount=4)
POST: Final = planned("post", line="hello from {item}")
LOST_POST: Final = planned("post", line=f"{SHAKY} hello from {{item}}")
BURN: Final = planned("burn", papers="papers of {item}")
QUESTION: Final = planned("ask_human", question="Which tyres for {item}?", options=[])

EVERYTHING: Final = ((LOOK,), (RED, BLUE), (ONE,), (BURN,), (TWO, TOP, GREEN), (ORDER,), (POST,), (THREE,))
"""Eleven calls, of which two throw and are made again: eleven model requests, with the one for the last words."""

SCENARIOS: Final = (
    Scenario(name="approved", turns=EVERYTHING),
    Scenario(name="edited", turns=((LOOK, RED), (ORDER,), (POST,)), said="edited", own_ids=False),
    Scenario(
        name="denied",
        turns=((ONE,), (ORDER, QUESTION), (RED,)),
        said="denied",
        door="prefect-ui",
        needed=frozenset({"order"}),
    ),
    Scenario(name="silence", turns=((RED,), (ORDER, TWO), (POST,)), said="silence"),
    Scenario(name="forbidden", turns=((BURN, ONE), (GREEN,)), needed=frozenset({"burn"})),
    Scenario(name="together", turns=((LOOK, RED, ONE, ORDER, QUESTION, BURN, POST), (BLUE, TWO)), door="prefect-ui"),
    Scenario(name="items", turns=((RED, ONE), (ORDER,), (POST,)), items=("boxes/a", "boxes/b"), own_ids=False),
    Scenario(name="careless", turns=((RED,), (ONE, LOST_POST, GREEN), (THREE,))),
)
"""The kinds of which every boundary is tried."""
SHORT: Final = Scenario(name="short", turns=((POST,),))
"""One that is quickly tried."""
