"""The house: `midwatch status`. What is up, since when, where, how large, and what waits for a person."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import datetime

import psutil
import typer

from cli import record, terminal
from cli.halted import halts_now
from cli.home import House, locate
from cli.hook_address import hooks_said
from cli.notifier import faults_of
from cli.options import AsJson
from cli.page_address import page_address
from cli.record import Living
from cli.upkeep import answers
from midwatch.errors import HouseError

EXIT_NOT_UP = 3
"""As with `systemctl status`: not running."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    name: str
    pid: int
    since: str
    """Local time, ISO 8601."""
    restarts: int
    memory_mb: int
    """Resident, with everything that it started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    phase: str
    """`up`, `starting`, `stopping`; `failed` with `error`; `down`."""
    home: str
    ui: str = ""
    page: str = ""
    """The approval page, as others see it."""
    hooks: str = ""
    """Where webhooks come in, or why they do not; empty where no agent has a trigger from outside."""
    answers: bool = False
    """The API answers its health check."""
    parts: tuple[Part, ...] = ()
    waiting: int | None = None
    """Runs that wait for a person; None when the server could not be asked."""
    error: str = ""
    notices: tuple[str, ...] = ()
    """Notices that no channel takes, a line each."""
    halts: tuple[str, ...] = ()
    """Who is halted, by whom and why, a line each."""


def status(as_json: AsJson = False) -> None:
    """Say what is up. Exit code 0 when all of it is, 3 when nothing is, 1 otherwise."""
    now = look(locate(os.environ))
    if as_json:
        typer.echo(json.dumps(asdict(now)))
    else:
        _show(now)
    raise typer.Exit(0 if now.phase == "up" and now.answers else EXIT_NOT_UP if now.phase == "down" else 1)


def look(house: House) -> Status:
    state = record.read(house.record)
    halts = halts_now(house)
    if state is None:
        return Status(phase="down", home=str(house.home), halts=halts)
    if not state.alive():
        phase = "failed" if state.phase == "failed" else "down"
        return Status(phase=phase, home=str(house.home), error=state.error, halts=halts)
    parts = [_part(name, each) for name, each in {"supervisor": state.supervisor, **state.children}.items()]
    up = answers(f"{house.url}/api/health")
    from cli.suspended import suspended  # with it comes httpx, which no other verb needs

    return Status(
        phase=state.phase,
        home=str(house.home),
        ui=house.url,
        page=_page(house) if "page" in state.children else "",
        hooks=hooks_said(house, state.keeps),
        answers=up,
        parts=tuple(part for part in parts if part),
        waiting=suspended(house) if up else None,
        notices=faults_of(house.home),
        halts=halts,
    )


def _page(house: House) -> str:
    try:
        return page_address(house).public
    except HouseError:  # it has not been opened yet, or its log says why it cannot be
        return ""


def _part(name: str, each: Living) -> Part | None:
    process = each.process()
    if process is None:
        return None
    family = [process] if name == "supervisor" else [process, *process.children(recursive=True)]
    since = datetime.fromtimestamp(each.created).astimezone().isoformat(timespec="seconds")
    size = sum(_resident(member) for member in family) >> 20
    return Part(name=name, pid=each.pid, since=since, restarts=each.restarts, memory_mb=size)


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _show(now: Status) -> None:
    console = terminal.console(soft_wrap=True)
    console.print(f"Midwatch is {now.phase}.", style="bold")
    for halt in now.halts:
        console.print(f"  {halt}", style="bold red", markup=False)
    if now.error:
        console.print(now.error, markup=False)
    if not now.parts:
        console.print("  `midwatch up` starts it.")
        return
    table = terminal.table("", "pid", "since", "restarts", "memory")
    for part in now.parts:
        table.add_row(part.name, str(part.pid), part.since, str(part.restarts), f"{part.memory_mb} MB")
    console.print(table)
    console.print(f"  UI {now.ui}, {'answers' if now.answers else 'does not answer'}")
    if now.page:
        console.print(f"  page {now.page}")
    if now.hooks:
        console.print(f"  hooks {now.hooks}", markup=False)
    if now.waiting:
        console.print(f"  {now.waiting} run{'s wait' if now.waiting > 1 else ' waits'} for a person")
    for fault in now.notices:
        console.print(f"  {fault}", style="red", markup=False)
