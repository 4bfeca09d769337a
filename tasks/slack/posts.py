"""Slack: which message stands where? One file in Midwatch's home, so that a new process goes on with the old messages."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """The message of one round of a run."""

    post_id: str
    """In the message's metadata, so that it is found again when its sending was cut off."""
    run_id: str
    ask_ids: tuple[str, ...]
    channel: str
    tried_at: float = 0
    """Seconds since the epoch when it was first sent; 0: never."""
    ts: str = ""
    """Its name in Slack; empty while nobody knows whether it arrived."""
    shown: tuple[str, ...] | None = None
    """Which of its questions waited when it was last written; None: to be written anew."""


def read(path: Path) -> tuple[Post, ...]:
    """What was kept; nothing where there is no file. Raises ValueError where it cannot be read."""
    try:
        kept = json.loads(path.read_text())
    except FileNotFoundError:
        return ()
    try:
        return tuple(_post(one) for one in kept)
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path} holds no list of posts ({error})") from error


def _post(kept: dict[str, Any]) -> Post:
    shown = kept["shown"]
    return Post(**{**kept, "ask_ids": tuple(kept["ask_ids"]), "shown": None if shown is None else tuple(shown)})


def write(path: Path, posts: Sequence[Post]) -> None:
    """All of it or nothing."""
    new = path.with_suffix(".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump([asdict(post) for post in posts], file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
