"""Inbox triage: what does this .eml file say? Any bytes become a value; nothing that a sender does raises an error."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from email.utils import parseaddr
from typing import Literal

from agents.inbox_triage.html_text import text_of_html

SentBy = Literal["a person", "a colleague", "a mailing list", "a machine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One decoded message. Every text is from outside and untrusted."""

    sender: str
    subject: str
    date: str
    text: str
    """The newest part of the body: no markup, no quoted thread below it, no invisible characters."""
    whole_text: str
    """The body with its quoted thread."""
    attachments: tuple[str, ...]
    """File names."""
    sent_by: SentBy
    """Worked out from the headers that mailing programs set; `a colleague` claims an address in the receiver's domain."""


def read_mail(raw: bytes) -> Mail:
    """Decode `raw`. A part that cannot be decoded is left out."""
    message = message_from_bytes(raw, policy=policy.default)
    whole = _body(message)
    return Mail(
        sender=_header(message, "From") or "unknown",
        subject=_header(message, "Subject") or "(no subject)",
        date=_header(message, "Date") or "unknown",
        text=_newest(whole),
        whole_text=whole,
        attachments=tuple(_attachments(message)),
        sent_by=_sent_by(message),
    )


def _header(message: Message, name: str) -> str:
    try:
        value = str(message.get(name, ""))
    except Exception:  # the standard library's header parsers raise many kinds of errors on malformed headers
        value = next((str(raw) for key, raw in message.raw_items() if key.lower() == name.lower()), "")
    return " ".join(_visible(value).split())[:200]


def _body(message: EmailMessage) -> str:
    """The plain text, else the HTML as text, else nothing."""
    parts = [part for part in message.walk() if part.get_content_maintype() == "text" and not part.get_filename()]
    for kind in ("text/plain", "text/html"):
        for part in parts:
            text = _decoded(part)
            text = text_of_html(text) if kind == "text/html" else text
            if part.get_content_type() == kind and text.strip():
                return _tidy(_visible(text))
    return ""


def _decoded(part: Message) -> str:
    """By the declared character set, or the first usual one that fits: senders declare wrong and unknown ones."""
    raw = part.get_payload(decode=True)
    if not isinstance(raw, bytes):
        return ""
    for charset in (part.get_content_charset() or "utf-8", "utf-8", "cp1252"):
        try:
            return raw.decode(charset)
        except (LookupError, ValueError):
            continue
    return raw.decode("latin-1")


def _visible(text: str) -> str:
    """Without control, zero-width and direction characters, which hide text from the person who checks."""
    kept = (char for char in text if char in "\n\t" or unicodedata.category(char) not in {"Cc", "Cf", "Co", "Cs", "Cn"})
    return "".join(kept)


def _tidy(text: str) -> str:
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


_THREAD_STARTS = re.compile(
    r"^(>|-{2,} ?(original|forwarded) message"
    r"|(on|am|le|el|il|op) .{5,100}(wrote|schrieb|a écrit|escribió|ha scritto|schreef) ?:)",
    re.IGNORECASE,
)


def _newest(text: str) -> str:
    """What stands above the quoted thread; all of it when nothing stands above."""
    above: list[str] = []
    for line in text.splitlines():
        if _THREAD_STARTS.match(line):
            break
        above.append(line)
    return "\n".join(above).strip() or text


def _attachments(message: Message) -> Iterator[str]:
    for part in message.walk():
        try:
            name = part.get_filename()
        except Exception:  # as in _header
            name = "unreadable name"
        if name:
            yield " ".join(_visible(name).split())[:80]


def _sent_by(message: Message) -> SentBy:
    auto = _header(message, "Auto-Submitted").lower()
    if message.get_content_type() == "multipart/report" or (auto and auto != "no"):
        return "a machine"
    if _header(message, "List-Unsubscribe") or _header(message, "Precedence").lower() in {"bulk", "list"}:
        return "a mailing list"
    if re.search(r"\b(no-?reply|do-?not-?reply|mailer-daemon)\b", _header(message, "From"), re.IGNORECASE):
        return "a machine"
    domain = _domain(message, "From")
    return "a colleague" if domain and domain == _domain(message, "To") else "a person"


def _domain(message: Message, name: str) -> str:
    return parseaddr(_header(message, name))[1].rpartition("@")[2].lower()
