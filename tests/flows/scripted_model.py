"""A model server on loopback that speaks OpenAI's chat completions and says what a script tells it to.

The answer depends on the conversation alone (how often the assistant has spoken since the last example), never on a
counter of the server's own: a replayed or repeated request gets the same answer, as a temperature of 0 would give.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Calls:
    """One turn of the model: tool calls, each (tool, arguments)."""

    calls: Sequence[tuple[str, dict[str, Any]]]


def call(tool: str, **arguments: Any) -> Calls:
    return Calls([(tool, arguments)])


Turn = Calls | str


@dataclass
class Hold:
    """Keeps the first request of one turn waiting until `go`."""

    turn: int
    reached: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)


@dataclass
class Script:
    """`turns` by model name; `requests` is what was asked for, by model name."""

    turns: dict[str, Sequence[Turn]] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)
    status: dict[str, int] = field(default_factory=dict)
    """Answer a model's requests with this HTTP status instead."""
    holds: dict[str, Hold] = field(default_factory=dict)

    def count(self, model: str) -> int:
        return sum(request["model"] == model for request in self.requests)


def completion(request: dict[str, Any], turn: Turn, number: int) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": turn if isinstance(turn, str) else None}
    if isinstance(turn, Calls):
        message["tool_calls"] = [
            {
                "id": f"call-{number}-{index}",
                "type": "function",
                "function": {"name": tool, "arguments": json.dumps(arguments)},
            }
            for index, (tool, arguments) in enumerate(turn.calls)
        ]
    return {
        "id": f"completion-{number}",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": request["model"],
        "choices": [
            {
                "index": 0,
                "message": message,
                "finish_reason": "tool_calls" if isinstance(turn, Calls) else "stop",
            }
        ],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
    }


@contextmanager
def scripted_model(script: Script) -> Generator[str]:
    """Serve `script` on a free loopback port; yields the base URL for OPENAI_BASE_URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            script.requests.append(request)
            model = request["model"]
            status = script.status.get(model, 200)
            spoken = sum(message["role"] == "assistant" for message in request["messages"])
            if (hold := script.holds.get(model)) and hold.turn == spoken:
                hold.reached.set()
                hold.go.wait(60)
            turns = script.turns.get(model, [])
            turn = turns[spoken] if spoken < len(turns) else "done"
            body = completion(request, turn, spoken) if status == 200 else {"error": {"message": f"scripted {status}"}}
            content = json.dumps(body).encode()
            self.answer(status, content)

        def answer(self, status: int, content: bytes) -> None:
            try:
                self.send_all(status, content)
            except OSError:
                return  # whoever asked was killed in the meantime

        def send_all(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

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
