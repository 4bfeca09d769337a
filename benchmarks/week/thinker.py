"""A week alone: the model of both agents, behind HTTP. It knows what it was told, and misbehaves as the run's fault says.

What it answers depends on the conversation alone; only what goes wrong is counted by the requests of a run.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.week.faults import Fault
from benchmarks.week.mail import FACTS, ORDERS, Message, messages
from tests.flows import scripted_model as wire
from tests.flows.scripted_model import Calls, Script, Turn, call
from tests.flows.wires import Heard

AREAS: Final = ("disk", "memory", "load", "logs", "units", "temporary")
DRAFT: Final = "Thank you for your message. A colleague will look at it and write to you soon. Kind regards"
TRIES: Final = 3

PROVIDER: Final[Mapping[Fault, Sequence[wire.Fault]]] = {
    "rate_limited": (wire.Status(status=429, headers={"Retry-After": "20"}),) * 2,
    "server_error": (wire.Status(status=500), wire.Status(status=529)),
    "silence": (wire.Silence(),),
    "cut_off": (wire.CutOff(),) * 2,
    "garbage": (wire.Garbage("{}"), wire.Garbage("<html>Bad gateway</html>"), wire.Says("")),
}


@dataclass
class Stop:
    """Keeps one request of a run waiting, so that something can be done to whoever asked."""

    at: int
    reached: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)


@dataclass
class Thinker(Script):
    """`begin` for each run; runs come one after the other."""

    mode: Fault = "none"
    is_down: Callable[[], bool] = lambda: False
    number: int = 0
    """Requests of this life that were answered."""
    waiting: list[wire.Fault] = field(default_factory=list)
    stop: Stop | None = None
    served: int = 0

    def begin(self, mode: Fault, at: int) -> None:
        """A life of a run: its provider fails from request `at` on."""
        self.mode, self.number, self.stop = mode, 0, None
        self.at, self.waiting = at, list(PROVIDER.get(mode, ()))

    at: int = 0

    def fault(self, heard: Heard) -> wire.Fault | None:  # noqa: ARG002  # as the script has it
        self.served += 1
        if (stop := self.stop) is not None and stop.at == self.number:
            stop.reached.set()
            stop.go.wait(60)
        if self.is_down():
            return wire.Status(status=503)
        if self.waiting and self.number >= self.at:
            return self.waiting.pop(0)
        self.number += 1
        return None

    def turn(self, heard: Heard) -> Turn:  # noqa: ARG002
        prompt, said, made = told(self.asked[-1].body)
        if not prompt:  # a run that was stopped short wants a note for a person
            return "It was stopped before it was done."
        if prompt.startswith("Look over"):
            return on_machine(self.mode, said, made)
        return on_message(self.mode, prompt, said, made)


def told(body: Mapping[str, Any]) -> tuple[str, list[str], list[str]]:
    """Of the conversation at its end: the goal, what tools have answered since, and the names of what was called."""
    goal, said, made = "", list[str](), list[str]()
    for message in body["messages"]:
        for kind, text in _blocks(message):
            match kind:
                case "goal" if text.startswith(("Look over", "From: ")):
                    goal, said, made = text, [], []
                case "result":
                    said.append(text)
                case "call":
                    made.append(text)
                case _:
                    pass
    return goal, said, made


def on_machine(mode: Fault, said: Sequence[str], made: Sequence[str]) -> Turn:
    """The next turn of a machine report."""
    if mode == "claims_success":
        return "I looked the machine over and wrote the report. All is well."
    survey = next((text for text in said if "\nworst: " in text), "")
    last = said[-1] if said else ""
    if mode == "loops" or not survey:
        return call("survey") if len(made) < TRIES or mode == "loops" else "I could not look."
    if mode == "calls_what_is_denied" and "delete_old_files" not in made and "shell" not in made:
        return Calls([("delete_old_files", {}), ("shell", {"command": "rm -rf /tmp/*"})])
    if "call delete_old_files" in last and "delete_old_files" not in made:
        return call("delete_old_files")
    if any(text.startswith("Report written") for text in said) or made.count("write_report") >= TRIES:
        return "done"
    graded = dict(re.findall(r"^(\w+): (\w+)\.", survey, re.MULTILINE))
    if mode == "wrong_arguments" and "write_report" not in made:
        return call("write_report", **dict.fromkeys(AREAS, "fine"), worst="everything")
    worst = re.search(r"^worst: (\w+)", survey, re.MULTILINE)
    return call("write_report", **{area: graded[area] for area in AREAS}, worst=worst[1] if worst else "nothing")


def on_message(mode: Fault, prompt: str, said: Sequence[str], made: Sequence[str]) -> Turn:
    """The next turn about one message."""
    message, last = _message(prompt), said[-1] if said else ""
    if mode == "claims_success":
        return "I have filed it and drafted the answer."
    if mode == "loops":
        return call("draft_reply", text=DRAFT)
    if mode == "calls_what_is_denied" and not made:
        return call("send_mail", to="everybody@example.org", text=DRAFT)
    if any(text.startswith("Filed under") for text in said):
        due = "A reply is due" in last or ("draft_reply" in made and "Draft written" not in last)
        return call("draft_reply", text=DRAFT) if due and made.count("draft_reply") < TRIES else "done"
    if made.count("file_message") >= TRIES or "refused this" in last or "Nobody answered" in last:
        return "done"
    if mode == "wrong_arguments" and not made:
        return call("file_message", gist="x" * 200, label="urgent", needs_reply="perhaps")
    return call("file_message", **stated(message, obeys=mode == "obeys_the_message"))


def stated(message: Message, *, obeys: bool) -> dict[str, Any]:
    """What the model says of a message; one that obeys says what the message wants."""
    if obeys and message.name == ORDERS:
        return {"gist": "verified", **dict.fromkeys(FACTS, False), "label": "automated", "needs_reply": False}
    return {"gist": message.subject[:70], **message.facts, "label": message.label, "needs_reply": message.needs_reply}


def _message(prompt: str) -> Message:
    subject = re.search(r"^Subject: (.*)$", prompt, re.MULTILINE)
    sender = re.search(r"^From: (.*)$", prompt, re.MULTILINE)
    assert subject is not None
    assert sender is not None
    fits = [one for one in messages().values() if one.subject.replace("<", "‹").replace(">", "›") == subject[1]]
    return next(one for one in fits if len(fits) == 1 or one.mail.sender.split(" ")[0] in sender[1])


def _blocks(message: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What one message of OpenAI's wire is: the goal, calls, or the result of one."""
    match message["role"]:
        case "user":
            return [("goal", _text(message["content"]))]
        case "assistant":
            return [("call", one["function"]["name"]) for one in message.get("tool_calls") or ()]
        case "tool":
            return [("result", _text(message["content"]))]
        case _:
            return []


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(str(block.get("text", "")) for block in content or [])
