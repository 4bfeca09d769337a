"""Slack: which message stands where? One file in Midwatch's home, so that a new process goes on with the old messages."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from midwatch.ledger import AskRow
from midwatch.request import together
from midwatch.whole_file import write_whole

FRESH: Final = 3600.0
"""Seconds for which a message takes more questions in. A message that is rewritten notifies nobody, so not for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """The message of one request: questions of one run, or of the same kind of several."""

    post_id: str
    """In the message's metadata, so that it is found again when its sending was cut off."""
    ask_ids: tuple[str, ...]
    channel: str
    tried_at: float = 0
    """Seconds since the epoch when it was first sent; 0: never."""
    ts: str = ""
    """Its name in Slack; empty while nobody knows whether it arrived."""
    shown: tuple[str, ...] | None = None
    """Which of its questions waited when it was last written; None: to be written anew."""

    def waiting(self, open_ids: Collection[str]) -> tuple[str, ...]:
        """Which of its questions wait."""
        return tuple(ask_id for ask_id in self.ask_ids if ask_id in open_ids)

    def stands(self, open_ids: Collection[str]) -> bool:
        """There is nothing to do for it."""
        return bool(self.ts) and self.shown == self.waiting(open_ids)


def with_new(
    posts: Sequence[Post], waiting: Sequence[AskRow], held: Collection[str], channel: str, now: float
) -> tuple[Post, ...]:
    """`posts` with what waits and stands in none: in the fresh message that asks for the same, else in a new one.

    Args:
        waiting: all that waits.
        held: what is not to be asked yet.
    """
    found = list(posts)
    place = {ask_id: place for place, post in enumerate(posts) for ask_id in post.ask_ids}
    for rows in together(waiting):
        ids = [row.ask_id for row in rows]
        new = tuple(one for one in ids if one not in place and one not in held)
        fresh = [place[one] for one in ids if one in place and now - (posts[place[one]].tried_at or now) < FRESH]
        if new and fresh:
            there = found[max(fresh)]
            found[max(fresh)] = replace(there, ask_ids=(*there.ask_ids, *new))
        elif new:
            found.append(Post(post_id=uuid.uuid4().hex, ask_ids=new, channel=channel))
    return tuple(found)


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
    """Of an earlier version it names its run as well."""
    facts, shown = {name: value for name, value in kept.items() if name != "run_id"}, kept["shown"]
    return Post(**{**facts, "ask_ids": tuple(kept["ask_ids"]), "shown": None if shown is None else tuple(shown)})


def write(path: Path, posts: Sequence[Post]) -> None:
    """All of it or nothing."""
    facts = [{name: getattr(post, name) for name in Post.__slots__} for post in posts]
    write_whole(path, json.dumps(facts), sync=True)
