"""Every error that Midwatch raises for an operator: one root, so that a caller can catch them all.

MidwatchError
├── SpecError            an agent file, a rule or prefect.yaml is wrong: names file, line, field
│   └── SpecFaults       every fault of one or more files, one line each
├── CallError            what the model asked for is not one well-formed call of a known tool
├── ModelUnavailable     no model can answer: missing weights, missing key, server down
├── ToolUnavailable      a tool cannot be offered: no sandbox, MCP server does not start
├── ContextTooSmall      what a run must never forget is more than the model can take
├── LedgerError          the ledger refused: unknown row, broken chain, wrong version
│   ├── WindowFull       a call does not fit into its rule's budget, or its mandate, any more
│   └── LedgerAway       it cannot be read or written at this moment: locked, disk full, connection lost
├── Halted               the halt latch is set
├── BreakerOpen          the agent has failed again and again: no run of it begins
└── HouseError           server, worker or a port: `midwatch up` could not do it

What the *model* should hear is pydantic-ai's `ModelRetry` or `ToolFailed`, never one of these.
"""

from __future__ import annotations

from collections.abc import Sequence


class MidwatchError(Exception):
    """Root of all errors for an operator. `str(error)` says what was wrong and what to do next."""


class SpecError(MidwatchError):
    """A file that a person wrote is wrong.

    Attributes:
        path: the file as the person named it.
        line: 1-based line, or None where the fault has no line.
        field: dotted path of the field (`rules.allow[2]`), or "".
    """

    def __init__(self, message: str, *, path: str = "", line: int | None = None, field: str = "") -> None:
        self.path, self.line, self.field, self.message = path, line, field, message
        where = ":".join(str(part) for part in (path, line) if part)
        super().__init__(": ".join(part for part in (where, field, message) if part))


class SpecFaults(SpecError):
    """Every fault of what was read, in the order of the files and their lines; `str(error)` is one line a fault.

    Attributes:
        faults: at least one; `path`, `line`, `field` and `message` are those of the first.
    """

    def __init__(self, faults: Sequence[SpecError]) -> None:
        first = faults[0]
        super().__init__(first.message, path=first.path, line=first.line, field=first.field)
        self.faults = tuple(faults)
        self.args = ("\n".join(str(fault) for fault in faults),)


class CallError(MidwatchError):
    """What the model produced is not one well-formed call (duplicate keys, NaN, unknown argument, wrong type)."""


class ModelUnavailable(MidwatchError):
    """No model can answer; says which one and what would make it answer."""


class ToolUnavailable(MidwatchError):
    """A tool cannot be offered on this machine; says which and why."""


class ContextTooSmall(MidwatchError):
    """What a conversation must not forget is longer than the model's context; says what takes the room."""


class LedgerError(MidwatchError):
    """The ledger refused a read or a write."""


class WindowFull(LedgerError):
    """What a rule's budget or a mandate had left is gone; the call did not begin. Judged again, it is no longer allowed."""


class Interrupted(MidwatchError):
    """The run can do nothing now, through no fault of its own. It stops where it is, and is sent on later."""


class LedgerAway(LedgerError, Interrupted):
    """The ledger cannot be reached now."""


class CannotSuspend(Interrupted):
    """Prefect would not suspend the run: its state was changed by somebody else while it worked."""


class Halted(MidwatchError):
    """The halt latch is set: no effect may start."""


class BreakerOpen(MidwatchError):
    """The agent's breaker is open: a run that has not begun ends as blocked."""


class HouseError(MidwatchError):
    """Server, worker or port: what `midwatch up` could not do, and what to do next."""
