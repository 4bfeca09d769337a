"""Inbox triage: what does the model get to read? One message, decoded, short, and marked as untrusted."""

from __future__ import annotations

from typing import Final

from agents.inbox_triage.mailbox import current_path
from agents.inbox_triage.message import Mail, SentBy, read_mail
from midwatch.run import RunFacts

_SENT_BY: Final[dict[SentBy, str]] = {
    "a person": "Sent by: a person",
    "a colleague": "Sent by: a colleague, so other or billing",
    "a mailing list": "Sent by: a mailing list, so automated",
    "a machine": "Sent by: a machine, so automated, or billing if it is about a payment",
}
"""What the headers prove is not left to the model to work out."""
MOST_CHARACTERS: Final = 1200
"""Of the body: the local model reads about 65 tokens a second."""


def as_prompt(facts: RunFacts) -> str:
    """For `prompt`: the run's current message."""
    return prompt_of(read_mail(current_path(facts, facts.item or "").read_bytes()))


def prompt_of(mail: Mail) -> str:
    """The message between marks that it cannot forge."""
    return "\n".join(
        (
            f"From: {_unmarked(mail.sender)}",
            f"Subject: {_unmarked(mail.subject)}",
            f"Attachments: {_unmarked(', '.join(mail.attachments)) or 'none'}",
            f"Date: {_unmarked(mail.date)[:22]}",
            "<untrusted>",
            _shortened(_unmarked(mail.text)) or "(empty)",
            "</untrusted>",
            _SENT_BY[mail.sent_by],
        )
    )


def _unmarked(text: str) -> str:
    return text.replace("<", "‹").replace(">", "›")


def _shortened(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else text[:MOST_CHARACTERS].rsplit(" ", 1)[0] + " […]"
