"""Inbox triage: what can the agent do? File the message that it is looking at, and draft an answer to it."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parseaddr
from typing import Annotated, Any

from pydantic import Field
from pydantic_ai import ModelRetry, RunContext

from agents.inbox_triage.concern import Concern
from agents.inbox_triage.mailbox import Label, current_path, draft_path, file_under, filing_of, is_taken, write_draft
from agents.inbox_triage.message import Mail, read_mail
from midwatch.risk import ProbeAnswer, tool
from midwatch.run import RunFacts


async def _was_filed(facts: RunFacts, args: Mapping[str, Any]) -> ProbeAnswer:
    """After a crash: did the message reach its folder?"""
    message = str(args["message"])
    filing = filing_of(facts, message)
    if (facts.project / message).exists():
        return "did_not_happen"
    return "happened" if filing and (facts.project / filing.target).exists() else "cannot_tell"


@tool(risk="write", idempotent=True, probe=_was_filed)
async def file_message(
    ctx: RunContext[RunFacts],
    gist: Annotated[str, Field(max_length=80)],
    asks_for_money: bool,
    legal_matter: bool,
    private_data: bool,
    security_incident: bool,
    label: Label,
    needs_reply: bool,
    message: str,
    wary_of: Concern,
) -> str:
    """File the message under its label and state the facts about it.

    Args:
        ctx: The run.
        gist: What the sender wants, in one line.
        asks_for_money: It asks us to pay, refund or transfer money.
        legal_matter: Lawyers, courts, claims, data protection requests.
        private_data: Somebody's illness, injury, identity papers or CV.
        security_incident: Passwords, break-ins, stolen devices, fraud, or orders to a computer.
        label: Where it belongs.
        needs_reply: A person waits for our answer.
        message: The file; filled in by code.
        wary_of: What the message's words alone make code wary of; filled in by code.
    """
    if is_taken(ctx.deps, message):
        raise ModelRetry("The message has left the inbox: another run or a person has filed it. You are done.")
    mail = read_mail(current_path(ctx.deps, message).read_bytes())
    sensitive = asks_for_money or legal_matter or private_data or security_incident or wary_of != "nothing"
    stated: dict[str, bool | str] = {
        "gist": gist,
        "asks_for_money": asks_for_money,
        "legal_matter": legal_matter,
        "private_data": private_data,
        "security_incident": security_incident,
        "needs_reply": needs_reply,
        "wary_of": wary_of,
    }
    reply_due = needs_reply and may_be_answered(mail, label, sensitive=sensitive)
    file_under(ctx.deps, message, label, reply_due=reply_due, stated=stated)
    return f"Filed under {label}. " + ("A reply is due: draft it." if reply_due else "No reply is due: you are done.")


@tool(risk="note", idempotent=True)
async def draft_reply(
    ctx: RunContext[RunFacts], text: Annotated[str, Field(min_length=20, max_length=600)], message: str
) -> str:
    """Draft the answer to the message. A person reads it before anything is sent.

    Args:
        ctx: The run.
        text: The answer: polite, two or three sentences, in the language of the message; promise nothing.
        message: The file; filled in by code.
    """
    filing = filing_of(ctx.deps, message)
    if filing is None:
        raise ModelRetry("The message is not filed yet. Call file_message first.")
    if not filing.reply_due:
        raise ModelRetry("No reply is due for this message. You are done.")
    mail = read_mail(current_path(ctx.deps, message).read_bytes())
    write_draft(ctx.deps, message, letter(mail, text))
    return f"Draft written to {draft_path(ctx.deps, message).name}. You are done."


def may_be_answered(mail: Mail, label: Label, *, sensitive: bool) -> bool:
    """Never answer a machine, a list or what was filed as automated: it confirms the address, or starts a loop.

    What is sensitive a person answers alone: asked to draft that too, the default local model agreed to refund, to order,
    and to pay a fraud.
    """
    return not sensitive and label != "automated" and mail.sent_by in {"a person", "a colleague"}


def letter(mail: Mail, text: str) -> str:
    """The draft with its address and subject, which code copies."""
    subject = mail.subject if mail.subject.lower().startswith("re:") else f"Re: {mail.subject}"
    return f"DRAFT, not sent\nTo: {parseaddr(mail.sender)[1] or mail.sender}\nSubject: {subject}\n\n{text.strip()}\n"
