"""What the agents of the incidents touch: a mail server, a Git remote. Each has a folder `work/AGENT` in the project."""

from __future__ import annotations

import asyncio
import smtplib
import subprocess
from email.message import EmailMessage
from pathlib import Path

from pydantic_ai import RunContext

from midwatch.risk import tool
from midwatch.run import RunFacts
from tasks.permissions.latch import FOLDER
from tests.flows.places import Place, reached


def world(facts: RunFacts) -> Path:
    return facts.project / "work" / facts.agent


@tool(risk="egress")
async def send_mail(ctx: RunContext[RunFacts], to: str, text: str, hold: Place) -> str:
    """Send one e-mail. Nobody can tell afterwards whether it was sent."""
    message = EmailMessage()
    message["To"], message["From"] = to, "agent@example.org"
    message.set_content(text)
    await asyncio.to_thread(_deliver, int((world(ctx.deps) / "port").read_text()), message)
    if hold == "after":
        await reached(ctx.deps.agent, hold)
    return "sent"


def _deliver(port: int, message: EmailMessage) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as server:
        server.send_message(message)


@tool(risk="write")
async def append_and_halt(ctx: RunContext[RunFacts], line: str) -> str:
    """Append a line, and set the latch on disk as `touch` would; nothing else of the process comes in between."""
    folder, latches = world(ctx.deps), ctx.deps.home / FOLDER
    for there in (folder, latches):
        there.mkdir(parents=True, exist_ok=True)
    with (folder / "lines").open("a") as file:
        file.write(f"{line}\n")
    (latches / f"agent.{ctx.deps.agent}").touch()
    return "appended"


@tool(risk="egress")
def push_backup(ctx: RunContext[RunFacts]) -> str:
    """Commit what is there and push it; what Git says comes back as it is."""
    repository = world(ctx.deps) / "repository"
    subprocess.run([*git(repository), "commit", "--allow-empty", "-q", "-m", "backup"], check=True)
    pushed = subprocess.run([*git(repository), "push", "origin", "main"], capture_output=True, text=True, check=False)
    return f"exit code {pushed.returncode}: {pushed.stderr}"


def git(repository: Path) -> list[str]:
    return ["git", "-C", str(repository), "-c", "user.name=agent", "-c", "user.email=agent@example.org"]
