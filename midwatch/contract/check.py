"""Monitoring: what may stand in a contract, and where? Three lists of checks, each of exactly one kind."""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

from pydantic import AfterValidator, BaseModel, model_validator

from midwatch.contract.figures import ChangeCheck, EffectsCheck, SqlCheck
from midwatch.contract.files import FileCheck, FilesCheck, OnePlaceCheck, UnchangedCheck
from midwatch.contract.programs import CommandCheck, HttpCheck
from midwatch.contract.strict import STRICT

Kind = Literal["file", "files", "command", "http", "sql", "python", "unchanged", "one_place", "change", "effects"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

Part = Literal["done_when", "noop_when", "invariants"]

INVARIANT_KINDS: Final[frozenset[Kind]] = frozenset({"file", "files", "unchanged", "effects", "sql"})
"""Cheap enough to be looked at after every effect, and the same whenever they are looked at."""

NEEDS_A_BEFORE: Final[frozenset[Kind]] = frozenset({"unchanged", "one_place", "change"})
"""Compared with how it was when the run began."""


class _Strict(BaseModel):
    model_config = STRICT


class Check(_Strict):
    """Exactly one kind of check."""

    file: FileCheck | None = None
    files: FilesCheck | None = None
    command: CommandCheck | None = None
    http: HttpCheck | None = None
    sql: SqlCheck | None = None
    python: str | None = None
    """`module:function`, called with `RunFacts`; returns `list[Finding]` (sync or async)."""
    unchanged: UnchangedCheck | None = None
    one_place: OnePlaceCheck | None = None
    change: ChangeCheck | None = None
    effects: EffectsCheck | None = None
    name: str = ""
    """What the report calls it; derived where empty."""

    @model_validator(mode="after")
    def _one_kind(self) -> Check:
        if len(self._kinds()) != 1:
            raise ValueError(f"a check has exactly one of: {', '.join(KINDS)}")
        return self

    def _kinds(self) -> list[Kind]:
        return [kind for kind in KINDS if getattr(self, kind) is not None]

    @property
    def kind(self) -> Kind:
        """Its one kind."""
        return self._kinds()[0]


def _can_hold_before(check: Check) -> Check:
    if check.kind in NEEDS_A_BEFORE or check.kind == "effects":
        raise ValueError(
            f"`{check.kind}` says nothing before the first step, when nothing can have changed; what there is to do is told "
            "by: file, files, command, http, sql, python"
        )
    return check


def _cheap(check: Check) -> Check:
    if check.kind not in INVARIANT_KINDS:
        raise ValueError(
            f"`{check.kind}` is no invariant: it is looked at after every effect, so it has to be one of: "
            f"{', '.join(kind for kind in KINDS if kind in INVARIANT_KINDS)}; put it under `done_when`"
        )
    return check


class Contract(_Strict):
    """What must be true of the world for a run to be green."""

    done_when: list[Check] = []
    """All must hold, or the run is not verified. None at all: the best outcome is `unverified`."""
    noop_when: list[Annotated[Check, AfterValidator(_can_hold_before)]] = []
    """All hold before the first step: there is rightly nothing to do, `verified_noop`, no model is asked."""
    invariants: list[Annotated[Check, AfterValidator(_cheap)]] = []
    """All must hold all the time: looked at before the first step, after every effect and at the end. One that does not
    ends the run at once, as `failed`."""

    def part(self, part: Part) -> list[Check]:
        """The checks of one part, in the order of the file."""
        checks: list[Check] = getattr(self, part)
        return checks
