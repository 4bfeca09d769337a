"""Slack: what follows from a click? An answer within three seconds, the decision, and then the run goes on."""

from __future__ import annotations

import asyncio
import secrets
import traceback
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, assert_never

import aiohttp
from prefect.client.orchestration import PrefectClient
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from midwatch.errors import LedgerError, MidwatchError
from midwatch.halt import Target
from midwatch.ledger import AskRow, Ledger
from midwatch.run_ids import short
from tasks.permissions.answers import resume_if_decided
from tasks.permissions.halting import set_halt
from tasks.slack.door import Decided, Faulty, Halts, Meaning, Opens, Told, Wants, meaning
from tasks.slack.modal import signing, told
from tasks.slack.posting import retry_after
from tasks.slack.rich import Part, block, fallback, fixed, line, says
from tasks.slack.touch import Click, Sent, Touch, touch

if TYPE_CHECKING:
    from midwatch.policy.offers import Bounds, Offer

TRIES: Final = 3
OFFERS: Final = 200
"""Mandates that were shown and not signed yet; the older ones have to be asked for again."""

Deciders = Callable[[], Awaitable[Collection[str]]]
"""Ids of the users who may decide now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Widening:
    """What a yes can bring besides: both are no wider than the call that was looked at."""

    propose: Callable[[Sequence[AskRow]], Awaitable[Sequence[str]]]
    """Writes down the rules that would have answered these; what they say, in lines. In force is nothing."""
    offer: Callable[[AskRow, Bounds], Awaitable[Offer]]
    """The mandate for calls like this one. Raises MidwatchError where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """What a click works with."""

    deciders: Deciders
    web: AsyncWebClient
    ledger: Ledger
    prefect: PrefectClient
    channel: str
    widening: Widening
    home: Path
    """Of the installation, where a halt is set on disk."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Somebody decided."""
    offers: dict[str, tuple[str, Offer]] = field(default_factory=dict)
    """By token: the question and the mandate that somebody was shown; what is signed is what was shown."""

    async def heard(self, socket: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        """One envelope of Socket Mode. Slack waits three seconds for its acknowledgement."""
        it = touch(request.payload) if request.type == "interactive" else None
        if it is None or isinstance(it.what, Click):
            await socket.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
        if it is None:
            return
        meant = await self._meant(it)
        if isinstance(it.what, Sent):
            answer = SocketModeResponse(envelope_id=request.envelope_id, payload=_reply(meant))
            await socket.send_socket_mode_response(answer)
        await self._follow(it, meant)

    async def _meant(self, it: Touch) -> Meaning:
        """Who may decide is looked up anew: whoever was taken off the list decides nothing from then on."""
        if isinstance(it.what, Sent) and it.what.form == "sign" and self._offer(it) is None:
            return Told(text="Nothing was done: what you were shown is too old to be signed. Ask for it again.")
        try:
            deciders = await self.deciders()
        except Exception as error:
            print(f"who may decide could not be looked up: {error!r}", flush=True)
            return Told(text="Nothing was done: who may decide could not be looked up. Try it again.")
        try:
            return await meaning(self.ledger, deciders, it)
        except Exception:
            traceback.print_exc()
            return Told(
                text="It failed on the way. If the message does not change soon, nothing was done: try it again."
            )

    async def _follow(self, it: Touch, meant: Meaning) -> None:
        match meant:
            case Opens(view=view):
                assert isinstance(it.what, Click)
                trigger_id = it.what.trigger_id
                await _patiently(lambda: self.web.views_open(trigger_id=trigger_id, view=view))
            case Told(text=text):
                await self._tell(it, text)
            case Wants():
                await self._show(it, meant)
            case Decided():
                await self._went_on(it, meant)
            case Halts(row=row):
                await self._say(it, await self._halted(it, row))
            case Faulty():
                return
            case unknown:
                assert_never(unknown)

    async def _halted(self, it: Touch, row: AskRow) -> str:
        """At once: a form to be filled in first would be one too many."""
        because = f"a click in Slack, on a question of run {short(row.run_id)}"
        try:
            done = await set_halt(
                self.home,
                self.ledger,
                Target.of(row.agent),
                by=it.person.by,
                via="slack",
                because=because,
                now=datetime.now(UTC),
            )
        except LedgerError as error:
            return str(error)
        half = f" Only half of it: {'; '.join(done.faults)}." if done.faults else ""
        return f"Halted: {done.halt.words()}.{half} `{done.halt.target.lifted_by()}` lifts it."

    async def _went_on(self, it: Touch, meant: Decided) -> None:
        self.changed.set()
        row, yes = meant.decision.row, meant.decision.first and not meant.decision.row.planted
        if meant.news:
            await self._tell(it, meant.news)
        form = it.what.form if isinstance(it.what, Sent) and yes and row.verdict == "approved" else ""
        if form == "sign":
            await self._say(it, await self._signed(it, row))
        await resume_if_decided(self.prefect, self.ledger, row.run_id)
        if form == "always":
            await self._say(
                it, "Your yes stands. This is proposed, and nothing of it is in force:", await self._proposed(row)
            )

    def _offer(self, it: Touch) -> Offer | None:
        token = it.what.token if isinstance(it.what, Sent) else ""
        ask_id, offer = self.offers.get(token, ("", None))
        return offer if ask_id == it.ask_id else None

    async def _show(self, it: Touch, wants: Wants) -> None:
        """The words of a mandate, in the form that was sent; working them out may take longer than Slack waits."""
        assert isinstance(it.what, Sent)
        row, token, view_id = wants.question.ask, secrets.token_hex(16), it.what.view_id
        try:
            offer = await self.widening.offer(row, wants.bounds)
            view: Part | None = signing(wants.question, offer.words, token)
            self.offers[token] = row.ask_id, offer
            for old in list(self.offers)[:-OFFERS]:
                del self.offers[old]
        except MidwatchError as error:
            view = told(f"Nothing was done: {error}")
        except Exception:
            traceback.print_exc()
            view = told("Nothing was done: it failed on the way.")
        shown = view or told("Nothing was done: too long for a form of Slack's. `midwatch approve --next` shows it.")
        await _patiently(lambda: self.web.views_update(view_id=view_id, view=shown))

    async def _signed(self, it: Touch, row: AskRow) -> str:
        """Signed before the run goes on, so that its next call finds it."""
        offer = self._offer(it)
        if offer is None:
            return "No mandate was signed: what was shown is too old."
        why = row.decided_because or f"like the call of run {short(row.run_id)} that was approved"
        try:
            one = await self.ledger.grant_mandate(
                offer.terms, by=it.person.by, via="slack", because=why, ask_id=row.ask_id
            )
        except LedgerError as error:
            return f"This one call runs. No mandate was signed: {error}"
        return f"Mandate {one.mandate_id} stands, signed by you. `midwatch mandate revoke {one.mandate_id}` ends it."

    async def _proposed(self, row: AskRow) -> Sequence[str]:
        try:
            return await self.widening.propose([row])
        except Exception as error:
            if not isinstance(error, MidwatchError):
                traceback.print_exc()
            return [f"No rule is proposed: {error}"]

    async def _tell(self, it: Touch, text: str) -> None:
        """Whoever sent a form has read it there."""
        if isinstance(it.what, Click):
            await self._say(it, text)

    async def _say(self, it: Touch, text: str, lines: Sequence[str] = ()) -> None:
        """Only who clicked sees it."""
        channel = it.what.channel if isinstance(it.what, Click) else self.channel
        shown = [block(line(says(text)), *([fixed("\n".join(lines))] if lines else []))]
        await _patiently(
            lambda: self.web.chat_postEphemeral(channel=channel, user=it.person.id, text=fallback(text), blocks=shown)
        )


def _reply(meant: Meaning) -> dict[str, object]:
    """What the form that was sent becomes: it closes, shows a fault, or says why nothing was done."""
    match meant:
        case Faulty(errors=errors):
            return {"response_action": "errors", "errors": errors}
        case Told(text=text):
            return {"response_action": "update", "view": told(text)}
        case Wants():
            return {"response_action": "update", "view": told("Working out what that would allow…")}
        case Decided() if meant.news:
            return {"response_action": "update", "view": told(meant.news)}
        case _:
            return {}


async def _patiently(call: Callable[[], Awaitable[object]]) -> None:
    """A call that may be made twice without harm, when Slack wanted a pause or the line broke."""
    for tries_left in reversed(range(TRIES)):
        try:
            await call()
            return
        except SlackApiError as error:
            pause = retry_after(error)
            if pause is None or not tries_left:
                raise
            await asyncio.sleep(pause)
        except aiohttp.ClientError:
            if not tries_left:
                raise
