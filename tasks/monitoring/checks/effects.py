"""Monitoring: has the run done this so often? Counted in the ledger, where an effect stands before anybody is told of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Final, assert_never, get_args

from midwatch.contract import EffectsCheck, Finding
from midwatch.contract.figures import host_of
from midwatch.ledger import EffectRow
from midwatch.run import RunFacts
from midwatch.spec import Builtin
from midwatch.templates import fill
from tasks.monitoring.evidence import Evidence, Happened, Tally

GAVE_UP: Final = frozenset({"tool_failed", "model_retry"})
"""The tool's function raised `ToolFailed` or `ModelRetry`."""


async def look(check: EffectsCheck, name: str, facts: RunFacts, evidence: Evidence, place: str) -> Finding:
    """So many at least are certain; so many at most are possible: what nobody saw the end of may have happened."""
    happened = await _counted(check, facts, evidence, place)
    certain, possible = happened["yes"], happened["yes"] + happened["perhaps"]
    least, most = (check.equals, check.equals) if check.equals is not None else (check.at_least, check.at_most)
    held = (least is None or certain >= least) and (most is None or possible <= most)
    doubt = f", and {possible - certain} that may have happened" if possible > certain else ""
    return Finding(check=name, held=held, detail=f"expected {_wanted(check)}, found {certain}{doubt}")


async def _counted(check: EffectsCheck, facts: RunFacts, evidence: Evidence, place: str) -> Counter[Happened]:
    """All that are meant; read are those that have come or may have changed since the look before."""
    before = evidence.tallies.get(place, Tally())
    rows = await evidence.effects(after=before.after, again=before.open)
    meant = [row for row in rows if is_meant(check, row, facts)]
    final = [row for row in meant if row.state == "consumed"]
    still_open = [row for row in meant if row.state != "consumed"]
    counted = before.counted + Counter(has_happened(row) for row in final)
    evidence.tallies[place] = Tally(
        after=max(before.after, *(row.effect_id for row in rows)) if rows else before.after,
        open=frozenset(row.effect_id for row in still_open),
        counted=counted,
    )
    return counted + Counter(has_happened(row) for row in still_open)


def is_meant(check: EffectsCheck, row: EffectRow, facts: RunFacts) -> bool:
    """Whether this effect is one of those that are counted."""
    if not fnmatchcase(row.tool, _star_only(check.tool)):
        return False
    arguments: Mapping[str, Any] = json.loads(row.args_json)
    if check.host is not None and check.host.lower() not in hosts_of(arguments):
        return False
    return all(
        name in arguments and fnmatchcase(_text(arguments[name]), _filled(wanted, facts))
        for name, wanted in check.arguments.items()
    )


def hosts_of(arguments: Mapping[str, Any]) -> set[str]:
    """The hosts of every URL among the arguments."""
    texts = [value for value in arguments.values() if isinstance(value, str) and "://" in value]
    return {host for text in texts if (host := host_of(text))}


def has_happened(row: EffectRow) -> Happened:
    """What the ledger says. A built-in tool that fails has done nothing; what another did before it failed, nobody knows.

    Nobody knows either what came of a request or a command that has ended in an error.
    """
    match row.state:
        case "released":
            return "no"
        case "reserved" | "unknown":
            return "perhaps"
        case "consumed":
            kind, result = _came_back(row)
            if kind not in GAVE_UP:
                return "perhaps" if _says_no(row.tool, result) else "yes"
            return "no" if row.tool in get_args(Builtin) else "perhaps"
        case _:
            assert_never(row.state)


def _came_back(row: EffectRow) -> tuple[str, Any]:
    """pydantic-ai's own word for what a tool's call came to, and what the tool returned."""
    came = json.loads(row.result_json or "null")
    return (str(came.get("kind", "")), came.get("result")) if isinstance(came, dict) else ("", None)


def _says_no(tool: str, result: Any) -> bool:
    """A status of 400 or more, or an exit code that is not 0, or none where the command was stopped."""
    if not isinstance(result, dict):
        return False
    match tool:
        case "http_request":
            return int(result.get("status", 0)) >= 400
        case "shell":
            return bool(result.get("exit_code", 0) != 0)
        case _:
            return False


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)


def _filled(pattern: str, facts: RunFacts) -> str:
    """What fills a place stands for itself."""
    pieces = [_star_only(piece) for piece in pattern.split("*")]
    return "*".join(_star_only(fill(piece, facts)) if "{" in piece else piece for piece in pieces)


def _star_only(text: str) -> str:
    """Of fnmatch's signs only `*` has a meaning here."""
    return text.replace("[", "[[]").replace("?", "[?]")


def _wanted(check: EffectsCheck) -> str:
    if check.equals is not None:
        return f"{check.equals}"
    bounds = {"at least": check.at_least, "at most": check.at_most}
    return " and ".join(f"{word} {bound}" for word, bound in bounds.items() if bound is not None)
