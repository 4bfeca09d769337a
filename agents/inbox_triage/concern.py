"""Inbox triage: is there a word in this message that a person should see, whatever the model makes of it?

A floor under the model's facts: code reads the whole message, so neither a weak model nor a message that talks to the
model can switch it off. It errs towards asking.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from agents.inbox_triage.mailbox import current_path
from agents.inbox_triage.message import Mail, read_mail
from midwatch.run import RunFacts

Concern = Literal["nothing", "security", "legal", "private_data", "money"]

_WORDS: Final[dict[Concern, str]] = {
    "security": (
        r"passwor[dt]|passwort|mot de passe|contraseña|wachtwoord|phishing|malware|ransom|data breach|hacked|stolen"
        r"|unusual (sign-?in|activity)|new (sign-?in|device)|verify your account"
        r"|(new|changed|updated) bank (details|data)|(ignore|disregard|forget) .{0,20}instructions|system prompt"
    ),
    "legal": (
        r"lawyers?|attorneys?|solicitors?|court|legal (action|claim|steps|proceedings)|cease|gdpr|dsgvo|rgpd|erasure"
        r"|(rechts)?anw[aä]lt\w*|avocate?s?|abogad[oa]s?|avvocat[oi]|advocaat|tribunal|infringe\w*|liab(le|ility)"
    ),
    "private_data": (
        r"diagnos\w+|hospital|surgery|sick|injur\w+|fractur\w+|pregnan\w+|therap\w+|illness|doctor|medica(l|tion)"
        r"|passport|date of birth|curriculum vitae|cv|applica(nt|tion for)|krank\w*|malad\w+|enferm\w+"
    ),
    "money": (
        r"invoices?|rechnung\w*|factures?|facturas?|fattur[ae]|overdue|amount due|payable|iban|refund\w*|reimburse\w*"
        r"|money back|transfer|pay (us|me|by|within|before|the|it)|(pre)?payment|zahl(en|ung|bar)|überweis\w+|deposit"
    ),
}
_PATTERNS: Final = {concern: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for concern, words in _WORDS.items()}


def concern_of(mail: Mail) -> Concern:
    """The gravest concern that a word of the message raises."""
    text = "\n".join((mail.subject, mail.whole_text, *mail.attachments))
    return next((concern for concern, pattern in _PATTERNS.items() if pattern.search(text)), "nothing")


def concern(facts: RunFacts) -> Concern:
    """For `bind`: the concern that the run's current message raises."""
    return concern_of(read_mail(current_path(facts, facts.item or "").read_bytes()))
