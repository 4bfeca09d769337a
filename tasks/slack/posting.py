"""Slack: what has to be posted, and what has changed? One round, which may be repeated or late without harm.

A post is on file before it is sent. Where nobody knows whether it arrived (the process or the line died), it is looked for
in the channel by its metadata before it is sent again, so that a request stands there once.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from midwatch.errors import LedgerAway, LedgerError
from midwatch.ledger import AskRow, Ledger
from tasks.permissions.requests import request_of
from tasks.slack.message import MOST, Left, blocks, notice
from tasks.slack.posts import Post, read, with_new, write

EVENT: Final = "midwatch_request"
"""Type of the metadata that each post carries."""
SKEW: Final = 300.0
"""Seconds by which this machine's clock and Slack's may differ."""
REST: Final = 15.0
"""Seconds until a message that Slack refused is tried again."""
LOST: Final = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
"""Errors of an update after which the request is posted anew."""


Wait = Callable[[Sequence[AskRow]], Awaitable[Collection[str]]]
"""Which of these nobody is to be asked yet; they are looked at again in the next round."""


async def nothing(_asks: Sequence[AskRow]) -> Collection[str]:
    """Nothing waits: everything is asked at once."""
    return ()


@dataclass(slots=True, kw_only=True)
class Board:
    """The messages of one channel."""

    ledger: Ledger
    web: AsyncWebClient
    channel: str
    path: Path
    posts: tuple[Post, ...] = ()
    wait: Wait = nothing
    clock: Callable[[], float] = time.time
    resting: dict[str, float] = field(default_factory=dict)
    """Posts that Slack refused, and until when they are left alone: the others are not to wait for them."""
    at_rest: Sequence[str] | None = None
    """What waited when there was nothing left to do; None while there is."""

    def load(self) -> None:
        """Go on with the messages of the process before; raises ValueError where the file cannot be read."""
        self.posts = read(self.path)

    async def one_round(self) -> list[str]:
        """Post what waits, rewrite what was decided; returns what could not be done, a line each.

        Raises:
            SlackApiError: Slack wants a pause (429); what is left is for the next round, as with any broken line.
        """
        ids = await self.ledger.open_ask_ids()
        if ids == self.at_rest:
            return []
        waiting = {row.ask_id: row for row in await self.ledger.open_asks()}
        held, faults = await self._held(waiting)
        self._keep(with_new(self.posts, [*waiting.values()], held, self.channel, self.clock()))
        for post in sorted(self.posts, key=lambda post: bool(post.ts)):  # who was not asked yet comes first
            if post.stands(waiting) or self.resting.get(post.post_id, 0) > self.clock():
                continue
            faults += await self._tried(post, waiting)
        still = held or faults or not all(post.stands(waiting) for post in self.posts)
        self.at_rest = None if still else ids
        return faults

    async def _held(self, waiting: Mapping[str, AskRow]) -> tuple[Collection[str], list[str]]:
        """What is not to be asked yet. Where nobody can say so, everything is asked."""
        known = {ask_id for post in self.posts for ask_id in post.ask_ids}
        new = [row for ask_id, row in waiting.items() if ask_id not in known]
        try:
            return (await self.wait(new) if new else ()), []
        except Exception as error:
            return (), [f"asked at once, for nobody can say whether it may wait: {error!r}"]

    async def _tried(self, post: Post, waiting: Mapping[str, AskRow]) -> list[str]:
        try:
            self._put(post, await self._written(post, waiting))
        except LedgerError as error:
            if not post.waiting(waiting) and not isinstance(error, LedgerAway):
                self._put(post, None)  # of another ledger
            return [self._rests(post, str(error))]
        except SlackApiError as error:
            if retry_after(error) is not None:
                raise
            return [self._refused(post, word_of(error))]
        return []

    def _refused(self, post: Post, why: str) -> str:
        said = f"Slack refused its message: {why}"
        if why not in LOST:
            return self._rests(post, said)
        self._put(post, replace(post, ts="", tried_at=0, shown=None))
        return f"question {post.ask_ids[0]}: {said}"

    def _rests(self, post: Post, why: str) -> str:
        self.resting[post.post_id] = self.clock() + REST
        return f"question {post.ask_ids[0]}: {why}"

    async def _written(self, post: Post, waiting: Mapping[str, AskRow]) -> Post | None:
        """The post as it now stands in Slack; None where nothing of it has to be kept."""
        still = post.waiting(waiting)
        if not post.ts and post.tried_at:
            post = replace(post, ts=await self._found(post))
        if not post.ts and not still:
            return None
        content = await self._content(post, waiting)
        if post.ts:
            await self.web.chat_update(channel=post.channel, ts=post.ts, metadata=_mark(post), **content)
        else:
            post = await self._sent(post, content)
        return replace(post, shown=still) if still else None

    async def _content(self, post: Post, waiting: Mapping[str, AskRow]) -> dict[str, Any]:
        """What it says: as many of its questions as a message may hold, those that wait first."""
        still = post.waiting(waiting)
        decided = [ask_id for ask_id in post.ask_ids if ask_id not in waiting]
        chosen = {*still[:MOST], *decided[::-1][: max(0, MOST - len(still))]}
        rows = [waiting.get(one) or await self.ledger.ask(one) for one in post.ask_ids if one in chosen]
        left = Left(
            waiting=max(0, len(still) - MOST), decided=len(post.ask_ids) - len(chosen) - max(0, len(still) - MOST)
        )
        request = await request_of(self.ledger, rows)
        return {"text": notice(request, len(request.waiting) + left.waiting), "blocks": blocks(request, left)}

    async def _sent(self, post: Post, content: Mapping[str, Any]) -> Post:
        tried = replace(post, tried_at=self.clock())
        self._put(post, tried)
        sent = await self.web.chat_postMessage(
            channel=post.channel, metadata=_mark(post), unfurl_links=False, unfurl_media=False, **content
        )
        return replace(tried, channel=str(sent["channel"]), ts=str(sent["ts"]))

    async def _found(self, post: Post) -> str:
        """The name of a post that may have arrived; "" where the channel does not hold it."""
        cursor = ""
        while True:
            page = await self.web.conversations_history(
                channel=post.channel,
                oldest=f"{post.tried_at - SKEW:.6f}",
                include_all_metadata=True,
                limit=200,
                cursor=cursor,
            )
            for message in page["messages"]:
                if (message.get("metadata") or {}).get("event_payload", {}).get("post_id") == post.post_id:
                    return str(message["ts"])
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return ""

    def _put(self, old: Post, new: Post | None) -> None:
        """`new` instead of the post of that id, now and on disk."""
        rest = [new if post.post_id == old.post_id else post for post in self.posts]
        self._keep(tuple(post for post in rest if post is not None))

    def _keep(self, posts: tuple[Post, ...]) -> None:
        if posts != self.posts:
            write(self.path, posts)
            self.posts = posts


def _mark(post: Post) -> dict[str, object]:
    return {"event_type": EVENT, "event_payload": {"post_id": post.post_id}}


def word_of(error: SlackApiError) -> str:
    """Slack's word for what was wrong; what stands before Slack has only a number."""
    said = error.response.data.get("error") if isinstance(error.response.data, dict) else None
    return str(said or f"HTTP {error.response.status_code}")


def retry_after(error: SlackApiError) -> float | None:
    """Seconds that Slack wants to be left alone; None where that is not what it says."""
    if error.response.status_code != 429:
        return None
    said = str(error.response.headers.get("Retry-After", ""))
    return float(said) if said.isdecimal() else 30.0
