"""Durable steps: how are the figures shown? Two tables, and the ratios that they are made for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, get_args

from rich.box import SIMPLE_HEAD
from rich.table import Table

from benchmarks.durable.figures import FEW, MANY, Rows, growth, overhead, times_below
from benchmarks.durable.store import Part
from benchmarks.durable.trial import SYSTEMS, System, Trial

PARTS: Final[tuple[Part, ...]] = get_args(Part)
COMPARED: Final[tuple[System, ...]] = ("midwatch", "midwatch_effects", "langgraph", "dbos")


def times(rows: Rows) -> Table:
    """Milliseconds a step, and over the bare loop; those of start and end, once a run; until a cut run works again, in s."""
    table = _table("Durable steps: time", "ms/step", "over", "cpu ms", "start", "end ms", "resume", "at step")
    for row in _in_order(rows):
        table.add_row(
            row.system,
            f"{row.steps:,}",
            f"{row.ms_per_step:.2f}",
            said(overhead(rows, row.system, row.steps), ".2f"),
            f"{row.processor_ms:.2f}",
            f"{row.start_ms:.0f}",
            f"{row.steps * (row.ms_per_step - row.between_ms):.0f}",
            said(row.resume_seconds, ".3f"),
            said(row.resumed_at, ","),
        )
    return table


def storage(rows: Rows) -> Table:
    """What a step leaves on disk, and as what; the peak of the process; how many operations of the run a person sees."""
    title = "Durable steps: kB a step on disk, memory, operations in Prefect's UI"
    table = _table(title, "kB/step", *PARTS, "MB", "shown")
    for row in _in_order(rows):
        parts = [f"{size / row.steps / 1000:.1f}" if (size := row.bytes_by_part.get(part)) else "" for part in PARTS]
        memory, seen = f"{row.peak_rss_mb:.0f}", said(row.task_runs, ",")
        table.add_row(row.system, f"{row.steps:,}", f"{row.bytes_per_step / 1000:.1f}", *parts, memory, seen)
    return table


def markdown(rows: Rows) -> str:
    """The table of docs/measured.md."""
    head = ("system", "steps", "ms a step", "over bare", "start ms", "end ms", "kB a step", "MB of memory", "resume s")
    lines = [head, ("---",) + ("---:",) * (len(head) - 1)]
    for row in _in_order(rows):
        end = row.steps * (row.ms_per_step - row.between_ms)
        over = said(overhead(rows, row.system, row.steps), ".1f") if row.system != "bare" else ""
        kept, memory = f"{row.bytes_per_step / 1000:.1f}", f"{row.peak_rss_mb:.0f}"
        again = said(row.resume_seconds, ".2f")
        figures = (f"{row.ms_per_step:.1f}", over, f"{row.start_ms:.0f}", f"{end:.0f}", kept, memory, again)
        lines.append((row.system, f"{row.steps:,}", *figures))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def findings(rows: Rows) -> list[str]:
    """What the goals speak of, one line each."""
    seen = {system for system, _ in rows}
    lines = [f"{name}: {_overheads(rows, name)}" for name in COMPARED if {name, "bare"} <= seen]
    for steps in (20, FEW):
        if (ratio := times_below(rows, "midwatch", "prefectdurability", steps)) is not None:
            lines.append(f"prefectdurability takes {ratio:.1f} times as long a step as midwatch at {steps} steps")
    if long := rows.get(("midwatch", MANY)):
        kept = ", ".join(f"{part} {size / 1e6:.1f} MB" for part, size in sorted(long.bytes_by_part.items()))
        again = said(long.resume_seconds, ".2f")
        lines.append(f"midwatch, {MANY:,} steps: {long.peak_rss_mb:.0f} MB of memory; {kept}; resumed in {again} s")
    return lines


def said(value: float | None, form: str) -> str:
    """A figure, or a dash where there is none."""
    return "-" if value is None else format(value, form)


def _overheads(rows: Rows, system: System) -> str:
    counts = sorted({steps for _, steps in rows})
    each = [f"{said(overhead(rows, system, steps), '.2f')} at {steps:,}" for steps in counts]
    times = said(growth(rows, system), ".2f")
    return f"{', '.join(each)} ms a step over bare; at {MANY:,} steps {times} times that at {FEW}"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), title_justify="left")
    table.add_column("system", no_wrap=True)
    for column in ("steps", *columns):
        table.add_column(column, justify="right")
    return table


def _in_order(rows: Rows) -> Sequence[Trial]:
    return sorted(rows.values(), key=lambda row: (row.steps, SYSTEMS.index(row.system)))
