"""A loopback server that speaks OpenAI's chat completions: says what a test puts into its mouth, keeps what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass(frozen=True, kw_only=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True, kw_only=True)
class Reply:
    status: int
    body: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Wire:
    """`says` and `fails` queue replies; `asked` holds the requests."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)

    def says(self, content: str | dict[str, Any], finish_reason: str = "stop") -> Wire:
        text = content if isinstance(content, str) else json.dumps(content)
        return self.answers(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 1_700_000_000,
                "model": "scripted",
                "choices": [
                    {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish_reason}
                ],
                "usage": {
                    "prompt_tokens": 11,
                    "completion_tokens": 7,
                    "total_tokens": 18,
                    "prompt_tokens_details": {"cached_tokens": 5},
                },
            }
        )

    def calls(self, action: str, **args: Any) -> Wire:
        """The local model's own way to call a tool."""
        return self.says({"action": action, "args": args})

    def answers(self, body: Any) -> Wire:
        self.replies.append(Reply(status=200, body=json.dumps(body)))
        return self

    def fails(self, status: int, message: str = "no", **headers: str) -> Wire:
        body = json.dumps({"error": {"message": message, "type": "error", "code": None}})
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.replies.append(Reply(status=status, body=body, headers=named))
        return self

    def hangs_up(self) -> Wire:
        """Close the connection without an answer."""
        self.replies.append(Reply(status=0, body=""))
        return self

    def is_silent(self) -> Wire:
        """Say nothing until whoever asked hangs up."""
        self.replies.append(Reply(status=-1, body=""))
        return self


def _handler(wire: Wire) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(None)

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, body: Any) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            wire.asked.append(Asked(method=self.command, path=self.path, headers=headers, body=body))
            reply = wire.replies.pop(0) if wire.replies else Reply(status=418, body="the script has ended")
            if reply.status <= 0:
                self.close_connection = True
                if reply.status < 0:
                    self.rfile.read(1)
                return
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body.encode())))
            self.end_headers()
            self.wfile.write(reply.body.encode())

        def log_message(self, *_: object) -> None: ...

    return Handler


def _serve() -> Iterator[Wire]:
    wire = Wire()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(wire))
    wire.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield wire
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def wire() -> Iterator[Wire]:
    yield from _serve()


@pytest.fixture
def other_wire() -> Iterator[Wire]:
    """A second provider."""
    yield from _serve()
