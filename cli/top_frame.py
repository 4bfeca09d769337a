"""`midwatch top`: one frame of it, as lines that fit a terminal of any width; what needs a person stands at the top."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, assert_never
from zoneinfo import ZoneInfo

from rich.cells import cell_len
from rich.text import Text

from cli.bar import bar
from midwatch.budget import Measure, Meter, Spent
from midwatch.characters import visible
from midwatch.digest.lines import Foreign, clock
from midwatch.ledger.moment import EndedRun
from midwatch.outcome import GREEN
from midwatch.run import a_cause
from midwatch.run_ids import short
from midwatch.timeline import GLYPHS, WORDS, Look
from midwatch.top import Need, Stop, Top, Worker

BAR: Final = 5
"""Cells of a bar."""
INDENT: Final = 2
SHORT: Final[dict[Measure, str]] = {"steps": "steps", "tokens": "tokens", "usd": "usd", "minutes": "min"}
"""The measures that have a bar, in this order."""
_STATE: Final[dict[str, Look]] = {"works": "going_on", "halted": "blocked", "waits": "waiting"}


def frame(top: Top, zone: ZoneInfo, *, width: int, height: int | None = None) -> list[Text]:
    """Each line is one of the terminal; what finds no room in `height` is counted in the last one."""
    above = [*_head(top, zone, width), *_stops(top, width), *_needs(top, zone, width), *_workers(top, zone, width)]
    room = len(above) + len(top.ended) + 2 if height is None else height
    lines = [*above, *_ended(top, zone, room - len(above) - 2)]
    if len(lines) > room:
        left = len(lines) - room + 1
        lines = [*lines[: room - 1], Text(f"{left} more lines: a taller terminal has room for them", style="dim")]
    for line in lines:
        line.no_wrap, line.overflow = True, "ellipsis"
        line.truncate(width, overflow="ellipsis")
    return lines


def _head(top: Top, zone: ZoneInfo, width: int) -> Iterator[Text]:
    waiting = f"{top.open_asks:,} {'waits' if top.open_asks == 1 else 'wait'} for a person"
    pieces = [
        Text(f"{top.at.astimezone(zone):%a %d %b %H:%M:%S}", style="bold"),
        Text(f"{top.open_runs:,} not ended"),
        Text(waiting, style="bold yellow" if top.open_asks else ""),
        Text(f"today {_usd(top.today)} US dollars, {_short(top.today.tokens)} tokens"),
    ]
    yield from packed(pieces, width, " · ")


def _stops(top: Top, width: int) -> Iterator[Text]:
    for one in top.stops:
        yield Text("")
        yield from _stop(one, width)


def _stop(one: Stop, width: int) -> Iterator[Text]:
    words = f"{one.kind.upper()} {_own(one.words, 400)}{': ' if one.cause else ''}"
    told = Text.assemble((words, "bold red"), _own(one.cause, 120))
    yield from _wrapped(told, width)
    if one.command:
        yield _indented(one.command)


def _needs(top: Top, zone: ZoneInfo, width: int) -> Iterator[Text]:
    if top.needs:
        yield from _heading("NEEDS A PERSON")
    for one in top.needs:
        yield from _need(one, top.at, zone, width)
    told = sum(one.questions for one in top.needs)
    if top.open_asks > told:
        yield _indented(f"and {top.open_asks - told:,} more: midwatch inbox")


def _need(one: Need, now: datetime, zone: ZoneInfo, width: int) -> Iterator[Text]:
    times = f", {one.questions} times in {len(one.run_ids)} runs" if one.questions > 1 else ""
    call = "" if times or one.kind in ("park", "settle") else f" {_own(one.args, 200)}"
    mark, agent = (f"{GLYPHS['waiting']} ", "yellow"), (_own(one.agent, 40), "bold")
    yield Text.assemble(mark, agent, f" {_asks(one)}", (times, "bold"), call)
    until = f"until {clock(one.deadline, zone, now)}, {_left(one.deadline, now)}" if one.deadline else "no deadline"
    whom = " or ".join(_own(name, 20) for name in one.people[:3]) or "in the inbox"
    asked = f"asked {whom} {_about(now - one.asked_at)} ago"
    show = f"midwatch show {short(one.run_ids[0])}" if len(one.run_ids) == 1 else "midwatch inbox"
    yield from packed([Text(until, style="yellow"), Text(asked), Text(show)], width, " · ", INDENT)


def _asks(one: Need) -> str:
    tool = _own(one.tool, 60)
    match one.kind:
        case "approve":
            return f"wants {tool}"
        case "answer":
            return "asks"
        case "settle":
            return f"may have done {tool}: nobody saw its end"
        case "park":
            return "stands still: no model answers"
        case _:
            assert_never(one.kind)


def _workers(top: Top, zone: ZoneInfo, width: int) -> Iterator[Text]:
    yield from _heading("NOT ENDED" if top.workers else "NOTHING RUNS")
    for one in top.workers:
        yield from _worker(one, top.at, zone, width)
    if top.open_runs > len(top.workers):
        yield _indented(f"and {top.open_runs - len(top.workers):,} earlier ones: midwatch runs")


def _worker(one: Worker, now: datetime, zone: ZoneInfo, width: int) -> Iterator[Text]:
    look = _STATE[one.state]
    name = Text.assemble((f"{GLYPHS[look]} ", _style(look)), (_own(one.agent, 40), "bold"), f" {short(one.run_id)}")
    began = f"since {clock(one.started_at, zone, now)} by {a_cause(one.cause)}"
    since = f"{_about(now - one.started_at)}, {began}" if one.state == "works" else began
    yield from packed([name, Text(_at(one, now)), Text(since)], width, " · ", INDENT, first=0)
    if one.state == "works":
        yield from packed([_meter(meter) for meter in _barred(one)] or [Text(one.spent.said())], width, "  ", INDENT)


def _at(one: Worker, now: datetime) -> str:
    ago, doing = _about(now - one.doing_at), _own(one.doing, 40)
    match one.state:
        case "halted" | "waits":
            return one.state
        case "works" if one.under_way:
            return f"in the middle of {doing}, {ago}"
        case "works":
            return f"after {doing}, {ago} ago" if doing else "begins"
        case _:
            assert_never(one.state)


def _barred(one: Worker) -> list[Meter]:
    by_measure = {meter.measure: meter for meter in one.meters}
    return [by_measure[measure] for measure in SHORT if measure in by_measure]


def _meter(meter: Meter) -> Text:
    figures = f"{_short(meter.used)}/{_short(meter.allowed)}"
    return Text.assemble(f"{SHORT[meter.measure]} ", bar(meter, BAR), f" {figures}")


def _ended(top: Top, zone: ZoneInfo, room: int) -> Iterator[Text]:
    if room > 0 and top.ended:
        yield from _heading("ENDED")
        yield from (_end(one, top.at, zone) for one in top.ended[:room])


def _end(one: EndedRun, now: datetime, zone: ZoneInfo) -> Text:
    said = "" if one.outcome in GREEN else f" {_own(one.reason, 200)}"
    return Text.assemble(
        (f"{GLYPHS[one.outcome]} ", _style(one.outcome)),
        f"{clock(one.finished_at, zone, now)} ",
        (_own(one.agent, 40), "bold"),
        (f" {WORDS[one.outcome]}", _style(one.outcome)),
        said,
    )


def _style(look: Look) -> str:
    match look:
        case "verified" | "verified_noop":
            return "green"
        case "going_on" | "rehearsed":
            return "blue"
        case "waiting" | "blocked" | "unverified":
            return "yellow"
        case "failed":
            return "red"
        case "unknown":
            return "magenta"
        case _:
            assert_never(look)


def packed(pieces: Sequence[Text], width: int, between: str, indent: int = 0, first: int | None = None) -> list[Text]:
    """As many pieces in a line as find room; the lines after the first one are set in."""
    lines: list[Text] = []
    line = Text(" " * (indent if first is None else first))
    start = True
    for piece in pieces:
        if not start and cell_len(line.plain) + len(between) + cell_len(piece.plain) > width:
            lines.append(line)
            line, start = Text(" " * indent), True
        line = Text.assemble(line, "" if start else between, piece)
        start = False
    return [*lines, line]


def _wrapped(text: Text, width: int) -> list[Text]:
    return packed([part for part in text.split(" ") if part.plain], width, " ", INDENT, first=0)


def _heading(text: str) -> Iterable[Text]:
    return Text(""), Text(text, style="bold dim")


def _indented(text: str) -> Text:
    return Text(f"{' ' * INDENT}{text}")


def _own(text: str, at_most: int) -> str:
    """One line of it, in which nothing is hidden and nothing moves the cursor."""
    return visible(Foreign(text=text, at_most=at_most).line) if text else ""


def _usd(spent: Spent) -> str:
    return f"{'at least ' if spent.unpriced_steps else ''}{spent.usd:.4f}"


def _short(number: float) -> str:
    """`950`, `12k`, `1.2M`."""
    for unit, name in ((1_000_000, "M"), (1_000, "k")):
        if number >= unit:
            return f"{_two(number / unit)}{name}"
    return _two(number)


def _two(number: float) -> str:
    """To two digits where they say something."""
    return f"{number:.0f}" if number >= 10 or number == int(number) else f"{number:.2g}"


def _left(deadline: datetime, now: datetime) -> str:
    return f"in {_about(deadline - now)}" if deadline > now else "passed"


def _about(span: timedelta) -> str:
    seconds = max(int(span.total_seconds()), 0)
    for unit, name in ((172_800, "days"), (7_200, "h"), (120, "min")):
        if seconds >= unit:
            return f"{seconds // {'days': 86_400, 'h': 3_600, 'min': 60}[name]} {name}"
    return f"{seconds} s"


def plain(lines: Iterable[Text]) -> str:
    """Without colours."""
    return "\n".join(line.plain.rstrip() for line in lines)
