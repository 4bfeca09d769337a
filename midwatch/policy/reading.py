"""Permissions: what does a call come down to? The one shape in which every matcher family hands it to the policy.

A family reads a call of its tools into a `Reading`, and compiles the text of a rule into a `Pattern`. An allow rule must
*cover* a part; an ask or a deny rule *catches* what it can see. The two look at the same call with opposite doubts: what
is unclear is not covered, and is caught.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Literal, Protocol

from midwatch.calls import Call
from midwatch.decision import Verdict

Label = Literal["untrusted", "private"]
"""What has entered a run's context: text from outside; data that is not everybody's."""
LABELS: Final[tuple[Label, ...]] = ("untrusted", "private")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """What is known of the MCP server behind a tool, and what it says of the tool. Its word counts only as a real boolean."""

    trusted: bool = False
    """The operator's word: its hints may open something."""
    hints: Mapping[str, object] = field(default_factory=dict)
    """`readOnlyHint`, `destructiveHint`, ... as the server gave them."""
    changed: str = ""
    """Why no rule may allow the tool: its definition is not the one that a person has seen. "": it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyContext:
    """What is known about a call besides its arguments. Nothing known is the default, and never the lenient case."""

    addresses: tuple[str, ...] = ()
    """What DNS gave for the URL's host. The tool decides again with it before it connects; empty: not resolved yet."""
    redirected_from: str = ""
    """The URL whose answer led here, where the call is one hop of a redirect; every hop is a decision of its own."""
    labels: Mapping[Label, bool] = field(default_factory=dict)
    """What entered the run's context so far. Of a label that is missing nobody knows: it counts as there."""
    server: ServerFacts | None = None
    """Of a tool that an MCP server has."""
    spent: Mapping[str, Decimal] | None = None
    """By rule, what its budget's window has seen so far, without this call; None: nobody knows, and no budget holds."""


NOTHING_KNOWN: Final = PolicyContext()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A path that a call names without being a file tool: a word of a command, the target of a redirection."""

    path: str
    folders: tuple[str, ...]
    """Absolute folders that a relative path may start from."""
    writes: bool
    """The call may change it; False: it only reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A built-in no: whatever the rules say."""

    rule: str
    """`builtin.outside`, `builtin.protected`, ..."""
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A call, taken apart."""

    parts: tuple[Any, ...] = ()
    """Each must be covered by an allow rule. None at all: nothing can be allowed."""
    sights: tuple[Any, ...] = ()
    """All that ask and deny rules look at."""
    refusal: Refusal | None = None
    unclear: str = ""
    """Why no rule may allow this, so that a person is asked; "" where nothing is unclear."""
    uncovered: Verdict = "ask"
    """The default for this call: `deny` where a person should not even be asked."""
    mentions: tuple[Mention, ...] = ()
    opened: tuple[Mention, ...] = ()
    """Files that it opens by itself, so that the rules of the file tools must allow each."""
    target: str = ""
    """What the call really reaches, for binding a yes to it: the resolved path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """Does an allow rule grant one part?"""

    held: bool
    why_not: str = ""
    """Set where the rule names the part and yet does not grant it: an option that runs a program."""


COVERED: Final = Cover(held=True)
NOT_COVERED: Final = Cover(held=False)


class Pattern(Protocol):
    """The compiled text of one rule."""

    def covers(self, part: Any, /) -> Cover: ...

    def catches(self, sight: Any, /) -> bool: ...


class Family(Protocol):
    """One kind of tool, and how its rules are read."""

    def read(self, call: Call, context: PolicyContext, /) -> Reading: ...

    def pattern(self, text: str, /) -> Pattern:
        """Raises ValueError with what is wrong with `text` and what to write instead."""
        ...

    def example(self, text: str, /) -> dict[str, Any]:
        """The arguments that the short form of an example stands for."""
        ...

    def describe(self, part: Any, /) -> str:
        """`part` in a few words, for the reason."""
        ...
