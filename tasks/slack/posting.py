"""Slack: what has to be posted, and what has changed? One round, which may be repeated or late without harm.

A post is on file before it is sent. Where nobody knows whether it arrived (the process or the line died), it is looked for
in the channel by its metadata before it is sent again, so that a request stands there once.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from midwatch.ledger import AskRow, Ledger
from tasks.slack.message import Asked, Request, blocks, notice
from tasks.slack.posts import Post, read, write

EVENT: Final = "midwatch_request"
"""Type of the metadata that each post carries."""
SKEW: Final = 300.0
"""Seconds by which this machine's clock and Slack's may differ."""
REST: Final = 15.0
"""Seconds until a message that Slack refused is tried again."""
LOST: Final = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
"""Errors of an update after which the request is posted anew."""


@dataclass(slots=True, kw_only=True)
class Board:
    """The messages of one channel."""

    ledger: Ledger
    web: AsyncWebClient
    channel: str
    path: Path
    posts: tuple[Post, ...] = ()
    clock: Callable[[], float] = time.time
    resting: dict[str, float] = field(default_factory=dict)
    """Posts that Slack refused, and until when they are left alone: the others are not to wait for them."""

    def load(self) -> None:
        """Go on with the messages of the process before; raises ValueError where the file cannot be read."""
        self.posts = read(self.path)

    async def one_round(self) -> list[str]:
        """Post what waits, rewrite what was decided; returns what could not be done, a line each.

        Raises:
            SlackApiError: Slack wants a pause (429); what is left is for the next round, as with any broken line.
        """
        waiting = await self.ledger.open_asks()
        self._keep(with_new(self.posts, waiting, self.channel))
        open_ids = {row.ask_id for row in waiting}
        faults = []
        for post in sorted(self.posts, key=lambda post: bool(post.ts)):  # who was not asked yet comes first
            still = tuple(ask_id for ask_id in post.ask_ids if ask_id in open_ids)
            if (post.ts and post.shown == still) or self.resting.get(post.post_id, 0) > self.clock():
                continue
            try:
                self._put(post, await self._written(post, still))
            except SlackApiError as error:
                if retry_after(error) is not None:
                    raise
                faults.append(self._refused(post, word_of(error)))
        return faults

    def _refused(self, post: Post, why: str) -> str:
        if why in LOST:
            self._put(post, replace(post, ts="", tried_at=0, shown=None))
        else:
            self.resting[post.post_id] = self.clock() + REST
        return f"run {post.run_id}: Slack refused its message: {why}"

    async def _written(self, post: Post, still: tuple[str, ...]) -> Post | None:
        """The post as it now stands in Slack; None where nothing of it has to be kept."""
        if not post.ts and post.tried_at:
            post = replace(post, ts=await self._found(post))
        if not post.ts and not still:
            return None
        request = await self._request(post)
        if post.ts:
            await self.web.chat_update(
                channel=post.channel, ts=post.ts, text=notice(request), blocks=blocks(request), metadata=_mark(post)
            )
        else:
            post = await self._sent(post, request)
        return replace(post, shown=still) if still else None

    async def _sent(self, post: Post, request: Request) -> Post:
        tried = replace(post, tried_at=self.clock())
        self._put(post, tried)
        sent = await self.web.chat_postMessage(
            channel=post.channel,
            text=notice(request),
            blocks=blocks(request),
            metadata=_mark(post),
            unfurl_links=False,
            unfurl_media=False,
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

    async def _request(self, post: Post) -> Request:
        rows = await self.ledger.asks_of(post.run_id)
        asks = [Asked(number=number, row=row) for number, row in enumerate(rows, start=1) if row.ask_id in post.ask_ids]
        spent = await self.ledger.spent_by(post.run_id)
        cost = f"{spent.steps} steps, {spent.tokens} tokens, {spent.usd:.4f} US dollars"
        return Request(run_id=post.run_id, agent=asks[0].row.agent, asks=tuple(asks), cost=cost)

    def _put(self, old: Post, new: Post | None) -> None:
        """`new` instead of the post of that id, now and on disk."""
        rest = [new if post.post_id == old.post_id else post for post in self.posts]
        self._keep(tuple(post for post in rest if post is not None))

    def _keep(self, posts: tuple[Post, ...]) -> None:
        if posts != self.posts:
            write(self.path, posts)
            self.posts = posts


def with_new(posts: Sequence[Post], waiting: Sequence[AskRow], channel: str) -> tuple[Post, ...]:
    """`posts` with what waits and stands in none: in the run's message that has an open question, else in a new one."""
    found = list(posts)
    known = {ask_id for post in posts for ask_id in post.ask_ids}
    open_ids = {row.ask_id for row in waiting}
    for row in waiting:
        if row.ask_id in known:
            continue
        place = next(
            (i for i, post in enumerate(found) if post.run_id == row.run_id and open_ids & {*post.ask_ids}), -1
        )
        if place >= 0:
            found[place] = replace(found[place], ask_ids=(*found[place].ask_ids, row.ask_id))
        else:
            found.append(Post(post_id=uuid.uuid4().hex, run_id=row.run_id, ask_ids=(row.ask_id,), channel=channel))
    return tuple(found)


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
