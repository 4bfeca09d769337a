"""Digest: what is sent, and how does it become a mail? Text and HTML in one, with the same id however often it is tried."""

from __future__ import annotations

import asyncio
import hashlib
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate
from typing import Final

from blocks import Mail
from midwatch.digest import Digest
from tasks.digest.links import Links
from tasks.digest.page import digest_letter
from tasks.digest.text import as_text

SECONDS: Final = 8.0
"""Until a mail server that does not answer is given up: sooner than its channel is (`sending.CHANNEL_SECONDS`)."""
PORTS: Final = {"starttls": 587, "ssl": 465, "insecure": 25}


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A digest on its way."""

    digest_id: str
    digest: Digest
    links: Links

    @property
    def subject(self) -> str:
        return f"Midwatch. {self.digest.title}"

    @property
    def text(self) -> str:
        return as_text(self.digest)


async def post(mail: Mail, letter: Letter) -> None:
    """Send it as a mail. Raises OSError or smtplib.SMTPException where the server does not take it."""
    await asyncio.to_thread(_post, mail, written(mail, letter))


def written(mail: Mail, letter: Letter) -> EmailMessage:
    """The mail: text first, HTML for whoever shows it."""
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = letter.subject, mail.sender, ", ".join(mail.recipients)
    message["Date"] = formatdate()
    name = hashlib.sha256(letter.digest_id.encode()).hexdigest()[:32]
    message["Message-ID"] = f"<digest-{name}@{mail.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    message.add_alternative(digest_letter(letter.digest, letter.links), subtype="html")
    return message


def _post(mail: Mail, message: EmailMessage) -> None:
    port, context = mail.port or PORTS[mail.security], ssl.create_default_context()
    server = (
        smtplib.SMTP_SSL(mail.server, port, timeout=SECONDS, context=context)
        if mail.security == "ssl"
        else smtplib.SMTP(mail.server, port, timeout=SECONDS)
    )
    with server:
        if mail.security == "starttls":
            server.starttls(context=context)
        if mail.password is not None:
            server.login(mail.user, mail.password.get_secret_value())
        server.send_message(message)
