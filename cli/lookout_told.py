"""The house: how does somebody hear that it is not as it should be, with none of it needed? Once an incident.

By a webhook and by mail. The webhook's address, which holds a key, is in the environment alone (`MIDWATCH_TELL_URL`); how a
mail is sent is left in the home by `midwatch up`, from the first mail block, without its password (`MIDWATCH_MAIL_PASSWORD`).
"""

from __future__ import annotations

import fcntl
import json
import os
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cli.lookout_checks import KNOWN, Look, Seen, known
from midwatch.whole_file import write_whole

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient

URL: Final = "MIDWATCH_TELL_URL"
PASSWORD: Final = "MIDWATCH_MAIL_PASSWORD"  # noqa: S105  # the name of a variable
TOLD: Final = "lookout.told"
"""File in the home: since when each fault stands, whether somebody was told of it, or has to hear yet that all is well, and
since when it is not seen any more."""
GRACE: Final = 20.0
"""Seconds that a fault stands before it is told: the supervisor starts again what has died."""
CALM: Final = 300.0
"""Seconds without a fault after which it is over."""
SECONDS: Final = 15.0
_NEW: Final = {"told": False, "owed": False, "calm_since": None}
"""What is known of a fault that is seen for the first time."""
_PORTS: Final = {"starttls": 587, "ssl": 465, "insecure": 25}

Send = Callable[[str, str], list[str]]
"""(subject, text) to the names of the ways that took it."""


def tell(home: Path, seen: Look, send: Send, now: float) -> str:
    """Tell of faults that are new, together, and once that all is well again. Returns what was told; empty: nothing.

    A fault is over when it was not seen for `CALM`: one that comes and goes is one incident, and stands from its first time.
    """
    with _state(home) as faults:
        owed = any(one["told"] or one["owed"] for one in faults.values())
        _age(faults, {one.name for one in seen.faults}, now)
        for known in faults.values():
            known["owed"] = owed
        new = [one for one in seen.faults if not faults[one.name]["told"] and now - faults[one.name]["since"] >= GRACE]
        if not new and not (owed and not faults):
            return ""
        subject, text = _words(new, seen)
        ways = send(subject, text)
        for one in new:
            faults[one.name]["told"] = bool(ways)
        return f"told by {', '.join(ways)}: {subject}" if ways else f"nobody could be told: {subject}"


def _age(faults: dict[str, dict[str, Any]], bad: Set[str], now: float) -> None:
    """Each fault that is known, after one look: seen again, calm, or over."""
    for name, one in list(faults.items()):
        one["calm_since"] = None if name in bad else now if one["calm_since"] is None else one["calm_since"]
        if one["calm_since"] is not None and now - one["calm_since"] >= CALM:
            del faults[name]
    for name in bad:
        faults.setdefault(name, {**_NEW, "since": now})


def _words(new: Sequence[Seen], seen: Look) -> tuple[str, str]:
    host = os.uname().nodename
    if not new:
        return f"Midwatch on {host}: all is well again", "Everything that is looked at is as it should be."
    subject = f"Midwatch on {host}: {', '.join(one.name for one in new)} not as it should be"
    return subject, "\n".join(
        [*(one.line for one in seen.seen), "", "midwatch lookout    midwatch status    midwatch up"]
    )


@contextmanager
def _state(home: Path) -> Iterator[dict[str, dict[str, Any]]]:
    """What is known of each fault; one lookout at a time, be it the house's own or cron's."""
    with (home / TOLD).open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        try:
            known = json.loads(file.read() or "{}")
            faults: dict[str, dict[str, Any]] = {name: {**_NEW, **one} for name, one in known.items()}
        except ValueError:
            faults = {}
        yield faults
        file.seek(0)
        file.truncate()
        file.write(json.dumps(faults))


def sender(home: Path, environ: Mapping[str, str], fault: Callable[[str], None]) -> Send:
    """By every way that is known; one that fails keeps the other from nothing."""

    def send(subject: str, text: str) -> list[str]:
        taken = []
        for name, way in ways(home, environ).items():
            try:
                way(subject, text)
            except Exception as error:  # whatever a way does wrong, the other is tried
                fault(f"{name} did not take it: {type(error).__name__}")  # no more: an address may hold a key
            else:
                taken.append(name)
        return taken

    return send


def ways(home: Path, environ: Mapping[str, str]) -> dict[str, Callable[[str, str], None]]:
    """What there is to tell somebody by; none: nobody can be told."""
    found: dict[str, Callable[[str, str], None]] = {}
    if url := environ.get(URL):
        found["webhook"] = lambda subject, text: _post(url, {"text": f"{subject}\n{text}"})
    if isinstance(mail := known(home).get("mail"), dict):
        found["mail"] = lambda subject, text: _mail(mail, environ.get(PASSWORD, ""), subject, text)
    return found


def _post(url: str, body: Mapping[str, str]) -> None:
    if not url.startswith(("https://", "http://")):
        raise ValueError("a webhook is an http or https address")
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers, method="POST")
    with urllib.request.urlopen(request, timeout=SECONDS):
        pass


def _mail(mail: Mapping[str, Any], password: str, subject: str, text: str) -> None:
    import smtplib  # with what it needs, as large as all the rest of the lookout
    import ssl
    from email.message import EmailMessage

    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, mail["sender"], ", ".join(mail["recipients"])
    message.set_content(text)
    port = mail["port"] or _PORTS[mail["security"]]
    context = ssl.create_default_context()
    if mail["security"] == "ssl":
        server: smtplib.SMTP = smtplib.SMTP_SSL(mail["server"], port, timeout=SECONDS, context=context)
    else:
        server = smtplib.SMTP(mail["server"], port, timeout=SECONDS)
    with server:
        if mail["security"] == "starttls":
            server.starttls(context=context)
        if mail["user"] and password:
            server.login(mail["user"], password)
        server.send_message(message)


def remember(home: Path, **facts: object) -> None:
    """Leave facts for the lookout, its owner's alone; the others stay."""
    before = known(home)
    if (now := {**before, **facts}) != before:
        write_whole(home / KNOWN, json.dumps(now))


async def first_mail(client: PrefectClient) -> dict[str, Any] | None:
    """The settings of the first mail block, by name, without its password."""
    documents = await client.read_block_documents_by_type("midwatch-mail", include_secrets=False)
    for document in sorted(documents, key=lambda one: one.name or ""):
        data = document.data
        fields = {"port": None, "security": "starttls", "user": ""}
        return {name: data.get(name, usual) for name, usual in fields.items()} | {
            name: data[name] for name in ("server", "sender", "recipients")
        }
    return None
