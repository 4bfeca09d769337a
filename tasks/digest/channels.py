"""Digest: how does it get to the artifact, to Slack, and to a person's own channels? Each can say what it has already."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Protocol, assert_never

import aiohttp
from prefect.artifacts import acreate_markdown_artifact
from prefect.blocks.core import Block
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from blocks import Mail, Slack
from midwatch.errors import MidwatchError
from midwatch.ledger.digests import Place
from tasks.digest.letter import Letter, post
from tasks.digest.markdown import as_markdown
from tasks.digest.message import digest_blocks, notification
from tasks.notices.sending import Send, sent, through_block
from tasks.slack.posting import SKEW, word_of

ARTIFACT: Final = "digest"
"""Key of the artifact; a new one is its next version."""
EVENT: Final = "midwatch_digest"
"""Type of the metadata that the message in Slack carries."""


class Refused(MidwatchError):
    """It was certainly not taken; says by whom and why. It may be tried again."""


class Channel(Protocol):
    async def arrived(self, letter: Letter) -> bool | None:
        """Of a try whose end nobody saw: has it arrived? None: nobody can tell."""
        ...

    async def send(self, letter: Letter) -> str:
        """Deliver it; the name of what has taken it. Raises Refused, or anything where nobody knows."""
        ...


class Artifact:
    """Markdown in Prefect's UI."""

    async def arrived(self, letter: Letter) -> bool:  # noqa: ARG002
        """A second version of the same says nothing else, so it may be written again."""
        return False

    async def send(self, letter: Letter) -> str:
        text = as_markdown(letter.digest, letter.links)
        await acreate_markdown_artifact(key=ARTIFACT, markdown=text, description=letter.digest.headline[0].text)
        return "artifact"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackChannel:
    """One message in the channel in which people are asked."""

    web: AsyncWebClient
    channel: str

    async def arrived(self, letter: Letter) -> bool:
        """Looked for in the channel by its metadata."""
        cursor, since = "", letter.digest.until.timestamp() - SKEW
        while True:
            page = await self.web.conversations_history(
                channel=self.channel, oldest=f"{since:.6f}", include_all_metadata=True, limit=200, cursor=cursor
            )
            payloads = [(message.get("metadata") or {}).get("event_payload") or {} for message in page["messages"]]
            if any(payload.get("digest_id") == letter.digest_id for payload in payloads):
                return True
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return False

    async def send(self, letter: Letter) -> str:
        mark = {"event_type": EVENT, "event_payload": {"digest_id": letter.digest_id}}
        try:
            await self.web.chat_postMessage(
                channel=self.channel,
                text=notification(letter.digest),
                blocks=digest_blocks(letter.digest, letter.links),
                metadata=mark,
                unfurl_links=False,
                unfurl_media=False,
            )
        except SlackApiError as error:
            if error.response.status_code >= 500:  # what stands before Slack does not know either
                raise
            raise Refused(f"Slack refused the digest: {word_of(error)}") from error
        return f"slack {self.channel}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Channels:
    """A person's own: the first that takes it. Mail is sent as HTML, too; every other block gets text."""

    names: Sequence[str]

    async def arrived(self, letter: Letter) -> None:  # noqa: ARG002
        return None

    async def send(self, letter: Letter) -> str:
        tried = await sent(_through(letter), self.names, letter.subject, letter.text)
        if tried.channel is None:
            raise Refused(f"no channel has taken the digest: {'; '.join(tried.faults)}")
        return tried.channel


def _through(letter: Letter) -> Send:
    async def send(channel: str, subject: str, body: str) -> None:
        block: Block = await Block.aload(channel)
        if isinstance(block, Mail):
            await post(block, letter)
        else:
            await through_block(channel, subject, body)

    return send


@asynccontextmanager
async def opened(place: Place, names: Sequence[str]) -> AsyncIterator[Channel]:
    """The channel behind a place; `names`: a person's own channels, or the Slack block."""
    match place:
        case "artifact":
            yield Artifact()
        case "slack":
            slack: Slack = await Slack.aload(names[0])
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
                yield SlackChannel(web=slack.get_client(session), channel=slack.channel)
        case "channels":
            yield Channels(names=names)
        case unknown:
            assert_never(unknown)
