from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from rich.console import Console

from cli.inbox import _table
from midwatch.ledger import AskRow

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


def shown(command: str) -> str:
    return listed({"command": command})


def listed(arguments: dict[str, object]) -> str:
    ask = AskRow(
        ask_id="a",
        run_id="0123456789",
        call_id="main/1",
        tool="shell",
        args_json=json.dumps(arguments),
        digest="d",
        kind="approve",
        rule="ask.shell",
        reason="",
        words="",
        created_at=NOW,
        deadline=NOW + timedelta(hours=1),
        agent="night",
        verdict=None,
        by=None,
        via=None,
        decided_at=None,
        decided_because=None,
        edited_args_json=None,
        answer=None,
        granted_digest=None,
        spent_at=None,
    )
    console = Console(width=200, force_terminal=True, color_system=None, record=True, file=None)
    with console.capture() as capture:
        console.print(_table([ask], {"a": 1}, NOW, each=5))
    return capture.get()


def test_what_waits_is_shown_letter_for_letter_whatever_markup_it_holds() -> None:
    for command in ("ls [/etc]", "ls [conceal]; rm -rf x", "cp a[b] c", "[link=file:///x]y[/link]"):
        assert json.dumps({"command": command}) in shown(command)


def test_nothing_in_it_can_conceal_the_rest() -> None:
    assert "\x1b[8m" not in shown("ls [conceal]; rm -rf x")
    assert "\u202e" not in shown("ls \u202e")


def test_a_long_text_does_not_hide_where_it_is_written() -> None:
    assert '{"path":"out/mail.txt","content":"Dear all' in listed(
        {"content": "Dear all, " * 40, "path": "out/mail.txt"}
    )
