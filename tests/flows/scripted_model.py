"""A model server on loopback that speaks OpenAI's and Anthropic's wire formats, says what a script tells it to, and fails.

What it says depends on the conversation alone (how often the assistant has spoken), never on a counter of the server's
own: a replayed or repeated request gets the same answer, as a temperature of 0 would give. A fault hits one request.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, assert_never

from tests.flows.wires import WIRES, Calls, Heard, Turn, Wire, call

__all__ = [
    "Calls",
    "CutOff",
    "Fault",
    "Garbage",
    "Hold",
    "Says",
    "Script",
    "Silence",
    "Status",
    "Turn",
    "call",
    "scripted_model",
]


@dataclass(frozen=True, kw_only=True)
class Status:
    """The provider refuses with an HTTP status."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    code: str = ""
    """The provider's own word for it (`context_length_exceeded`)."""


@dataclass(frozen=True)
class CutOff:
    """The connection is reset when half of the answer is out."""


@dataclass(frozen=True)
class Silence:
    """No answer, until whoever asked hangs up."""


@dataclass(frozen=True)
class Garbage:
    """Status 200, and a body that is no answer."""

    body: str


@dataclass(frozen=True)
class Says:
    """An answer in good form that is not the script's (an empty one: `Says("")`)."""

    turn: Turn


Fault = Status | CutOff | Silence | Garbage | Says


@dataclass
class Hold:
    """Keeps the first request of one turn waiting until `go`."""

    turn: int
    reached: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request as it came in."""

    heard: Heard
    body: Mapping[str, Any]
    at: float
    """Seconds, monotonic."""


@dataclass
class Script:
    """What is said and what goes wrong, by the model's name, or by `MODEL PROMPT` for one conversation of several."""

    turns: dict[str, Sequence[Turn]] = field(default_factory=dict)
    faults: dict[str, dict[int, list[Fault]]] = field(default_factory=lambda: defaultdict(dict))
    """By turn: each is used up by one request of that turn, before the turn is said."""
    always: dict[str, Fault] = field(default_factory=dict)
    """Meets every request."""
    holds: dict[str, Hold] = field(default_factory=dict)
    windows: dict[str, int] = field(default_factory=dict)
    """How many characters of a conversation the model takes. What was said is then counted here: it may be compacted."""
    asked: list[Asked] = field(default_factory=list)

    @property
    def requests(self) -> list[Mapping[str, Any]]:
        return [asked.body for asked in self.asked]

    def asked_of(self, conversation: str) -> list[Asked]:
        return [asked for asked in self.asked if conversation in names(asked.heard)]

    def count(self, conversation: str) -> int:
        return len(self.asked_of(conversation))

    def fault(self, heard: Heard) -> Fault | None:
        """What meets this request instead of an answer."""
        for name in names(heard):
            if name in self.always:
                return self.always[name]
            if heard.length > self.windows.get(name, heard.length):
                return Status(status=400, code="context_length_exceeded")
            if waiting := self.faults[name].get(heard.spoken):
                return waiting.pop(0)
        return None

    def turn(self, heard: Heard) -> Turn:
        turns: Sequence[Turn] = next((self.turns[name] for name in names(heard) if name in self.turns), [])
        return turns[heard.spoken] if heard.spoken < len(turns) else "done"

    def counted(self, heard: Heard) -> Heard:
        """`heard`, with what was answered before where a compacted conversation no longer tells."""
        if heard.model not in self.windows:
            return heard
        fits = [asked for asked in self.asked_of(heard.model) if asked.heard.length <= self.windows[heard.model]]
        return replace(heard, spoken=len(fits))


def names(heard: Heard) -> tuple[str, str]:
    """How a script may call this conversation."""
    return f"{heard.model} {heard.prompt}", heard.model


@contextmanager
def scripted_model(script: Script) -> Generator[str]:
    """Serve `script` on a free loopback port; yields the base URL for OPENAI_BASE_URL (Anthropic's is without `/v1`)."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            wire = WIRES[self.path.partition("?")[0]]
            heard = script.counted(wire.heard(request))
            script.asked.append(Asked(heard=heard, body=request, at=time.monotonic()))
            if (hold := script.holds.get(heard.model)) and hold.turn == heard.spoken:
                hold.reached.set()
                hold.go.wait(60)
            with suppress(OSError):  # whoever asked may have been killed in the meantime
                self.answer(wire, heard)

        def answer(self, wire: Wire, heard: Heard) -> None:
            fault = script.fault(heard)
            turn = fault.turn if isinstance(fault, Says) else script.turn(heard)
            said = json.dumps(wire.answer(heard.model, turn, heard.spoken))
            match fault:
                case None | Says():
                    self.send(200, said)
                case Status():
                    self.send(fault.status, json.dumps(wire.refusal(fault.status, fault.code)), fault.headers)
                case CutOff():
                    self.send(200, said[: len(said) // 2], {"Content-Length": str(len(said))})
                    self.reset()
                case Silence():
                    self.rfile.read(1)
                case Garbage():
                    self.send(200, fault.body)
                case _:
                    assert_never(fault)

        def send(self, status: int, content: str, headers: Mapping[str, str] | None = None) -> None:
            self.send_response(status)
            plain = {"Content-Type": "application/json", "Content-Length": str(len(content.encode()))}
            for name, value in (plain | dict(headers or {})).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content.encode())

        def reset(self) -> None:
            """Not the orderly end that closing a socket is."""
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing on the terminal of the tests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
