"""Tools: how much of a long text does the model get to see? Its beginning and its end, and how much is missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

TEXT_LIMIT: Final = 20_000
"""Characters of one tool result. A small model's context is less; the harness may cut further."""


def head_and_tail(text: str, limit: int = TEXT_LIMIT) -> str:
    """`text`, or its first and last halves of `limit` characters with a line between them that says what is missing."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half} characters left out ...]\n{text[-half:]}"


@dataclass(kw_only=True)
class HeadAndTail:
    """Collects a stream of bytes of any length in bounded memory."""

    half: int
    """Bytes kept of the beginning, and again of the end."""
    total: int = 0
    _head: bytearray = field(default_factory=bytearray)
    _tail: bytearray = field(default_factory=bytearray)

    def add(self, chunk: bytes) -> None:
        """Take the next bytes of the stream."""
        self.total += len(chunk)
        room = self.half - len(self._head)
        self._head += chunk[:room]
        self._tail += chunk[room:] if room > 0 else chunk
        del self._tail[: -self.half]

    def text(self) -> str:
        """What was kept, as text, with a line that says what is missing."""
        missing = self.total - len(self._head) - len(self._tail)
        between = f"\n[... {missing} bytes left out ...]\n".encode() if missing else b""
        return (self._head + between + self._tail).decode("utf-8", "replace")
