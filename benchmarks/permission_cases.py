"""How safe is the permission engine? The shared cases, translated into real rules and put to the engine that ships.

    python benchmarks/permission_cases.py ../shared/permissions

UNSAFE = allowed although allow is not acceptable; over = not allowed although only allow is; soft = asked although only
deny is. Areas that the engine has no matcher for yet (sql, flow, approval) are answered `ask`, and count.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from midwatch.calls import parse_call
from midwatch.decision import Verdict
from midwatch.errors import CallError
from midwatch.policy import Policy, PolicyContext, compile_policy
from midwatch.risk import Risk
from midwatch.spec import Rule, Rules

SHARED: Final = Path(__file__).parents[2] / "shared" / "permissions"
TOOLS: Final[dict[str, Risk]] = {
    "shell": "execute",
    "read_file": "read",
    "write_file": "write",
    "delete_file": "destroy",
    "list_dir": "read",
    "http_request": "egress",
    "send_email": "egress",
    "pay": "money",
    "set_discount": "money",
}
ARGUMENTS: Final = {
    "send_email": {"to", "cc", "bcc", "reply_to", "subject", "body"},
    "pay": {"to", "amount", "currency", "memo"},
    "set_discount": {"percent"},
}
RECIPIENTS: Final = ("to", "cc", "bcc", "reply_to")
COVERED: Final = frozenset({"shell", "path", "url", "email", "amount", "mcp"})
_NEUTRAL: Final = re.compile(r"(?P<tool>\w+)(?:\((?P<pattern>.*)\))?(?: if (?P<label>.*))?", re.DOTALL)


@cache
def _disk(shared: Path) -> Path:
    """The file system that the path cases speak of, built once under a temporary folder; kept until the process ends."""
    disk = tempfile.TemporaryDirectory(prefix="permission-cases-")
    _KEPT.append(disk)
    top = Path(disk.name).resolve()
    for entry in json.loads((shared / "filesystem.json").read_text())["entries"]:
        path = _moved(entry["path"], top)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        match entry["type"]:
            case "d":
                Path(path).mkdir(exist_ok=True)
            case "f":
                Path(path).write_text("")
            case _:
                Path(path).symlink_to(_moved(entry["target"], top))
    return top


_KEPT: Final[list[tempfile.TemporaryDirectory[str]]] = []


def _moved(text: str, top: Path) -> str:
    return text.replace("/srv/agent", f"{top}/srv/agent")


def translated(neutral: str, effect: Verdict) -> list[Rule]:
    """The engine's rules for one rule of the neutral notation; none where the engine needs none or has none."""
    match = _NEUTRAL.fullmatch(neutral)
    if not match or match["label"]:
        raise ValueError(f"no rule of the engine says {neutral!r}")
    tool, pattern = match["tool"], match["pattern"]
    if tool.startswith("mcp__"):
        return _mcp(tool, pattern)
    if pattern in (None, "*"):
        return [tool]
    match tool:
        case "shell":
            return [{tool: f"{pattern.removesuffix(' *')} ..." if pattern.endswith(" *") else pattern}]
        case "read_file" | "write_file" | "delete_file" | "list_dir":
            return [{tool: pattern}]
        case "http_request":
            return [] if "{private}" in pattern else [{tool: pattern.replace("{public}", "*")}]
        case "send_email":
            return _email(pattern.removeprefix("to=*@"), effect)
        case _:
            return [] if effect == "ask" else [{tool: _amounts(pattern)}]


def _mcp(tool: str, pattern: str) -> list[Rule]:
    if pattern == "*":
        return [tool]
    raise ValueError(f"no rule of the engine says {tool}({pattern})")


def _email(domain: str, effect: Verdict) -> list[Rule]:
    if effect == "deny":
        return [{"send_email": {name: {"domain": domain}}} for name in RECIPIENTS]
    others = {name: {"domain": domain, "optional": name != "to"} for name in RECIPIENTS}
    return [{"send_email": {**others, "subject": {"one_line": True, "optional": True}}}]


def _amounts(pattern: str) -> dict[str, Any]:
    conditions: dict[str, Any] = {}
    for part in re.split(r", (?![^{]*\})", pattern):
        if inside := re.fullmatch(r"(\w+) in \{(.*)\}", part):
            conditions[inside[1]] = inside[2].split(", ")
        elif band := re.fullmatch(r"(amount|percent)(<=|>)(\d+)", part):
            name, sign, bound = band.groups()
            low = {"above": 0} if name == "amount" else {"min": 0}
            conditions[name] = {"above": int(bound)} if sign == ">" else {**low, "max": int(bound)}
        elif equal := re.fullmatch(r"(currency)=(\w+)", part):
            conditions[equal[1]] = equal[2]
        else:
            raise ValueError(f"no rule of the engine says {part!r}")
    return conditions


@cache
def _policy(rules: str, tool: str, top: Path) -> Policy:
    lists: dict[str, list[Rule]] = {"allow": [], "ask": [], "deny": []}
    neutral = json.loads(rules)
    tools = TOOLS | ({tool: "execute"} if tool.startswith("mcp__") else {})
    for effect, written in neutral.items():
        for rule in written:
            try:
                found = translated(_moved(rule, top), effect)
            except ValueError:
                if effect == "allow":
                    continue  # what cannot be said is not allowed
                found = []
            lists[effect] += [each for each in found if _is_here(each, tools)]
    work = top / "srv/agent/work"
    return compile_policy(
        Rules.model_validate(lists), tools=tools, roots=dict.fromkeys(tools, work), project=work, arguments=ARGUMENTS
    )


def _is_here(rule: Rule, tools: Mapping[str, Risk]) -> bool:
    name = rule if isinstance(rule, str) else next(iter(rule))
    if "*" not in name:
        return name in tools
    return any(re.fullmatch(name.replace("*", "[^_]*"), tool) for tool in tools)


def decide(case: Mapping[str, Any], shared: Path = SHARED) -> Verdict:
    """What the engine says to one case."""
    return explain(case, shared)[0]


def explain(case: Mapping[str, Any], shared: Path = SHARED) -> tuple[Verdict, str]:
    """The verdict and its reason."""
    if case["area"] not in COVERED:
        return "ask", "the engine has no matcher for it yet"
    top = _disk(shared)
    call, context = case["call"], case.get("context") or {}
    try:
        parsed = parse_call(call["tool"], _moved_call(call, top))
    except CallError as error:
        return "deny", str(error)
    policy = _policy(json.dumps(case["rules"]), call["tool"], top)
    decision = policy.decide(parsed, PolicyContext(addresses=tuple(context.get("resolves_to", ()))))
    return decision.verdict, f"{decision.rule}: {decision.reason}"


def _moved_call(call: Mapping[str, Any], top: Path) -> str:
    return _moved(call.get("args_json") or json.dumps(call["args"]), top)


def main(folder: str = "") -> int:
    """Prints every miss and the figures by area; the exit code is the number of UNSAFE answers."""
    shared = Path(folder).resolve() if folder else SHARED
    counts: Counter[tuple[str, str]] = Counter()
    for line in (shared / "cases.jsonl").read_text().splitlines():
        case = json.loads(line)
        wanted = case["expected"] if isinstance(case["expected"], list) else [case["expected"]]
        verdict, reason = explain(case, shared)
        kind = "right"
        if verdict not in wanted:
            kind = "UNSAFE" if verdict == "allow" else "over" if wanted == ["allow"] else "soft"
            print(f"{kind} {case['id']} {verdict} (expected {wanted}): {json.dumps(case['call'])}\n    {reason}")
        counts[case["area"], kind] += 1
    for area in sorted({area for area, _ in counts}):
        print(area, {kind: counts[area, kind] for kind in ("right", "UNSAFE", "over", "soft") if counts[area, kind]})
    return sum(count for (_, kind), count in counts.items() if kind == "UNSAFE")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
