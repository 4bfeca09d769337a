"""How long does a decision take? By kind of call, with a thousand rules loaded, most of them about the same tool.

    python -m benchmarks.policy_latency [--rules 1000] [--calls 2000] [--json]

Every decision is made by the policy that ships, on a call that was parsed before; the file system is a real one. Writes
benchmarks/results/policy_latency.json.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from benchmarks.told import tell
from midwatch.calls import Call, parse_call
from midwatch.policy import Policy, compile_policy
from midwatch.risk import Risk
from midwatch.spec import Rule, Rules

RESULTS: Final = Path(__file__).parent / "results" / "policy_latency.json"
TOOLS: Final[Mapping[str, Risk]] = {
    "shell": "execute",
    "read_file": "read",
    "http_request": "egress",
    "send_email": "egress",
    "pay": "money",
    "query": "read",
}
_DIRECTORIES: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of call: the rule of each number, and the calls that are decided."""

    name: str
    rule: Rule
    """With `{n}`."""
    calls: tuple[tuple[str, Mapping[str, Any]], ...]
    """(tool, arguments), with `{n}`."""


KINDS: Final = (
    Kind(
        name="shell",
        rule={"shell": "task{n} run|test ..."},
        calls=(
            ("shell", {"command": "task{n} run --fast a.txt"}),
            ("shell", {"command": "task{n} test && task7 run 2>&1 | task9 test"}),
            ("shell", {"command": "task{n} push origin main"}),
        ),
    ),
    Kind(
        name="path",
        rule={"read_file": "d{n}/**/*.md"},
        calls=(("read_file", {"path": "d{n}/a/b.md"}), ("read_file", {"path": "d{n}/../d3/missing.txt"})),
    ),
    Kind(
        name="url",
        rule={"http_request": "GET https://h{n}.example.org/v1/**"},
        calls=(
            ("http_request", {"method": "GET", "url": "https://h{n}.example.org/v1/items/4?full=1"}),
            ("http_request", {"method": "POST", "url": "https://h{n}.example.org/v1/items"}),
        ),
    ),
    Kind(
        name="email",
        rule={"send_email": {"to": {"domain": "d{n}.example"}}},
        calls=(
            ("send_email", {"to": ["ann@d{n}.example", "bo@d{n}.example"], "subject": "Hello", "body": "b" * 2000}),
        ),
    ),
    Kind(
        name="amount",
        rule={"pay": {"to": "payee-{n}", "amount": {"above": 0, "max": 100}, "currency": "EUR"}},
        calls=(("pay", {"to": "payee-{n}", "amount": 12.5, "currency": "EUR"}),),
    ),
    Kind(
        name="sql",
        rule={"query": {"sql": {"sql": "read_only", "dialect": "postgres", "tables": ["t{n}"]}}},
        calls=(("query", {"sql": "SELECT count(*) FROM t{n} WHERE day > '2026-01-01' GROUP BY who"}),),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one kind took, in milliseconds."""

    kind: str
    rules: int
    calls: int
    p50_ms: float
    p99_ms: float
    worst_ms: float
    allowed: int


def filled(value: Any, number: int) -> Any:
    """`value` with `{n}` replaced, also within."""
    match value:
        case str():
            return value.replace("{n}", str(number))
        case Mapping():
            return {filled(key, number): filled(each, number) for key, each in value.items()}
        case list() | tuple():
            return [filled(each, number) for each in value]
        case _:
            return value


def policy_of(kind: Kind, rules: int, project: Path) -> Policy:
    """`rules` allow rules of this kind, and one deny rule for each tool."""
    deny: list[Rule] = [{"shell": "rm ..."}, {"read_file": "private/**"}, {"http_request": "DELETE https://*/**"}]
    return compile_policy(
        Rules(allow=[filled(kind.rule, number) for number in range(rules)], ask=[], deny=deny),
        tools=TOOLS,
        roots={},
        project=project,
    )


def measured(kind: Kind, rules: int, calls: int, project: Path) -> Row:
    """Decide `calls` calls, each about another rule."""
    policy = policy_of(kind, rules, project)
    took: list[float] = []
    allowed = 0
    for call in _calls(kind, rules, calls):
        began = time.perf_counter()
        decision = policy.decide(call)
        took.append((time.perf_counter() - began) * 1000)
        allowed += decision.verdict == "allow"
    took.sort()
    return Row(
        kind=kind.name,
        rules=rules,
        calls=len(took),
        p50_ms=round(took[len(took) // 2], 4),
        p99_ms=round(took[int(len(took) * 0.99)], 4),
        worst_ms=round(took[-1], 4),
        allowed=allowed,
    )


def _calls(kind: Kind, rules: int, calls: int) -> Iterator[Call]:
    for number in range(calls):
        tool, arguments = kind.calls[number % len(kind.calls)]
        yield parse_call(tool, filled(arguments, number * 7919 % rules))


def tree(project: Path, rules: int) -> None:
    """Folders for the path rules to lead through."""
    for number in range(min(rules, _DIRECTORIES)):
        folder = project / f"d{number}" / "a"
        folder.mkdir(parents=True)
        (folder / "b.md").write_text("")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rules", type=int, default=1000)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder).resolve()
        tree(project, wanted.rules)
        gc.collect()
        gc.freeze()
        rows = [measured(kind, wanted.rules, wanted.calls, project) for kind in KINDS]
    shown = [asdict(row) for row in rows]
    tell(shown, lambda console: console.print(_table(rows)), output=RESULTS, as_json=wanted.json)
    return 0


def _table(rows: Sequence[Row]) -> Table:
    table = Table("kind", "rules", "calls", "p50 ms", "p99 ms", "worst ms", "allowed")
    for row in rows:
        table.add_row(*(str(value) for value in asdict(row).values()))
    return table


if __name__ == "__main__":
    sys.exit(main())
