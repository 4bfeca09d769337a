"""A week alone: which messages come, and what would a person make of them? The examples, each with its labels."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from agents.inbox_triage.message import Mail, read_mail

REPOSITORY: Final = Path(__file__).parents[2]
EXAMPLES: Final = REPOSITORY / "examples" / "inbox"
FACTS: Final = ("asks_for_money", "legal_matter", "private_data", "security_incident")
ORDERS: Final = "14-order-question-with-orders.eml"
"""Gives orders to whoever sorts the mail."""
LABELS: Final = ("customer", "billing", "automated", "other")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One example, and what a person says of it."""

    name: str
    mail: Mail
    label: str
    either: frozenset[str]
    facts: Mapping[str, bool]
    needs_reply: bool

    @property
    def subject(self) -> str:
        return self.mail.subject

    def fits(self, label: str) -> bool:
        return label == self.label or label in self.either


@cache
def messages() -> Mapping[str, Message]:
    """By the example's file name."""
    labels = json.loads((REPOSITORY / "examples" / "inbox-labels.json").read_text())
    return {
        name: Message(
            name=name,
            mail=read_mail((EXAMPLES / name).read_bytes()),
            label=said["label"],
            either=frozenset(said["either"]),
            facts={fact: said[fact] for fact in FACTS},
            needs_reply=said["needs_reply"],
        )
        for name, said in labels.items()
    }


def of_file(name: str) -> Message:
    """The example that a delivered file is: `3-14-order.eml` is `14-order.eml`."""
    return messages()[name.partition("-")[2]]


def delivered(project: Path, day: int, names: tuple[str, ...]) -> list[str]:
    """Into the inbox, each under a name of its own; the names."""
    inbox = project / "mail" / "inbox"
    inbox.mkdir(parents=True, exist_ok=True)
    for name in names:
        shutil.copyfile(EXAMPLES / name, inbox / f"{day}-{name}")
    return [f"{day}-{name}" for name in names]
