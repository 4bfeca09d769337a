"""The ladder: to whom does evidence belong? An agent as far as it decides: what thinks, what it is told, what it can touch.

Its file holds more than that: schedules, limits, who is told. What of it counts stands in five parts, each with a hash of its
own, so that it can be said which of them changed; evidence belongs to the hash over all five.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from midwatch.spec import AgentSpec

Part = Literal["model", "instructions", "tools", "rules", "contract"]
PARTS: Final[tuple[Part, ...]] = get_args(Part)

_FIELDS: Final[Mapping[Part, tuple[str, ...]]] = {
    "model": ("model",),
    "instructions": ("instructions", "prompt", "examples", "input", "for_each"),
    "tools": ("tools",),
    "rules": ("rules", "known"),
    "contract": ("contract",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """Of one agent as it is, or as it was."""

    parts: Mapping[Part, str]
    """SHA-256 (hex) of each."""
    thinkers: tuple[str, ...] = ()
    """What the file's models came to on the machine: `auto` is another model where there is another key."""
    written: str = ""
    """SHA-256 (hex) of the models as the file has them."""

    @property
    def whole(self) -> str:
        """SHA-256 (hex) over all parts: what evidence belongs to."""
        return _sha256([self.parts[part] for part in PARTS])

    @property
    def as_written(self) -> str:
        """`whole` of the file alone, whatever its models come to: what a person has seen who read it."""
        return _sha256([self.written if part == "model" else self.parts[part] for part in PARTS])

    def as_json(self) -> str:
        """For the ledger."""
        said = {"parts": dict(self.parts), "thinkers": list(self.thinkers), "written": self.written}
        return json.dumps(said, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Fingerprint:
        """What `as_json` made."""
        said = json.loads(text)
        parts: dict[Part, str] = {part: said["parts"][part] for part in PARTS}
        return cls(parts=parts, thinkers=tuple(said["thinkers"]), written=said["written"])


def fingerprint_of(spec: AgentSpec, thinkers: Sequence[str] = ()) -> Fingerprint:
    """What the agent's file says, part by part.

    Args:
        thinkers: the models that its choices came to, where that is known.
    """
    said = spec.model_dump(mode="json")
    parts: dict[Part, str] = {part: _sha256([said[field] for field in _FIELDS[part]]) for part in PARTS}
    parts["model"] = _sha256([spec.models(), list(thinkers)])
    return Fingerprint(parts=parts, thinkers=tuple(thinkers), written=_sha256([spec.models(), []]))


def as_it_last_thought(spec: AgentSpec, last: Fingerprint | None) -> Fingerprint:
    """The file as it is now, on a machine where its models come to what they last came to. Asks no machine."""
    return fingerprint_of(spec, last.thinkers if last is not None else ())


def changed(old: Fingerprint, new: Fingerprint) -> tuple[Part, ...]:
    """The parts that are not the same, in the order of `PARTS`."""
    return tuple(part for part in PARTS if old.parts[part] != new.parts[part])


def in_words(parts: Sequence[Part]) -> str:
    """For a person: `its model and its rules`."""
    named = [f"its {part}" for part in parts]
    return " and ".join([", ".join(named[:-1]), named[-1]] if len(named) > 1 else named)


def _sha256(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
