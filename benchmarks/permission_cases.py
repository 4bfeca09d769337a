"""How safe is the permission engine? The shared cases, translated into real rules and put to the engine that ships.

    python benchmarks/permission_cases.py ../shared/permissions

UNSAFE = allowed although allow is not acceptable; over = not allowed although only allow is; soft = asked although only
deny is.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from midwatch.approval import Approval, Attempt, answered
from midwatch.calls import Call, digest, parse_call
from midwatch.decision import Decision, Verdict
from midwatch.errors import CallError
from midwatch.policy import Policy, PolicyContext, ServerFacts, compile_policy
from midwatch.policy.paths import FILE_TOOLS
from midwatch.policy.reading import Label
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
    "sql": "execute",
}
ARGUMENTS: Final = {
    "send_email": {"to", "cc", "bcc", "reply_to", "subject", "body"},
    "pay": {"to", "amount", "currency", "memo"},
    "set_discount": {"percent"},
    "sql": {"query", "dialect"},
}
_TEXT: Final = {"type": "string"}
_TEXTS: Final = {"type": "array", "items": _TEXT}
SCHEMAS: Final[dict[str, Any]] = {
    "send_email": {
        "properties": {"to": _TEXTS, "cc": _TEXTS, "bcc": _TEXTS, "reply_to": _TEXT, "subject": _TEXT, "body": _TEXT},
        "required": ["to", "subject", "body"],
    },
    "pay": {
        "properties": {"to": _TEXT, "amount": {"type": "number"}, "currency": _TEXT, "memo": _TEXT},
        "required": ["to", "amount", "currency"],
    },
    "set_discount": {"properties": {"percent": {"type": "number"}}, "required": ["percent"]},
}
RECIPIENTS: Final = ("to", "cc", "bcc", "reply_to")
COVERED: Final = frozenset({"shell", "path", "url", "email", "amount", "mcp", "sql", "flow", "approval"})
SQL_DIALECTS: Final = {
    "postgres": ["postgres", "postgresql"],
    "sqlite": ["sqlite", "sqlite3"],
    "mysql": ["mysql", "mariadb"],
    "tsql": ["tsql", "mssql", "sqlserver"],
    "bigquery": ["bigquery"],
    "snowflake": ["snowflake"],
    "duckdb": ["duckdb"],
}
"""How a call may call the dialects of the engine."""
LABELS: Final[dict[str, Label]] = {"tainted": "untrusted", "private": "private"}
HOUSE: Final = "corp.example"
_NEUTRAL: Final = re.compile(r"(?P<tool>[\w*-]+)(?:\((?P<pattern>.*)\))?(?: if (?P<label>.*))?", re.DOTALL)


@cache
def _disk(shared: Path) -> Path:
    """The file system that the path cases speak of, built once under a temporary folder; kept until the process ends."""
    disk = tempfile.TemporaryDirectory(prefix="permission-cases-")
    _KEPT.append(disk)
    top = Path(disk.name).resolve()
    for entry in json.loads((shared / "filesystem.json").read_text())["entries"]:
        path = _rooted(entry["path"], top)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        match entry["type"]:
            case "d":
                Path(path).mkdir(exist_ok=True)
            case "f":
                Path(path).write_text("")
            case _:
                Path(path).symlink_to(_rooted(entry["target"], top))
    for elsewhere in ("etc", "home", "opt", "root", "tmp", "usr", "var"):
        (top / elsewhere).mkdir()
    return top


_KEPT: Final[list[tempfile.TemporaryDirectory[str]]] = []


def _moved(text: str, top: Path) -> str:
    return text.replace("/srv/agent", f"{top}/srv/agent")


def _rooted(path: str, top: Path) -> str:
    """`path` on the disk whose root is `top`; the kernel's own folders are where they are."""
    return f"{top}{path}" if path.startswith("/") and not re.match(r"/+(proc|sys|dev)(/|$)", path) else path


def translated(neutral: str, effect: Verdict) -> list[Rule]:
    """The engine's rules for one rule of the neutral notation; none where the engine needs none or has none."""
    match = _NEUTRAL.fullmatch(neutral)
    if not match:
        raise ValueError(f"no rule of the engine says {neutral!r}")
    if match["label"]:
        return _labelled(translated(neutral.removesuffix(f" if {match['label']}"), effect), match["label"])
    tool, pattern = match["tool"], match["pattern"]
    if tool.startswith("mcp__"):
        return _mcp(tool, pattern, effect)
    if pattern in (None, "*"):
        return [tool]
    match tool:
        case "shell":
            return [{tool: f"{pattern.removesuffix(' *')} ..." if pattern.endswith(" *") else pattern}]
        case "read_file" | "write_file" | "delete_file" | "list_dir":
            return [{tool: pattern}]
        case "http_request":
            return [{tool: pattern.replace("* {private}", "* *://{private}/**")}]
        case "send_email":
            return _email(pattern.removeprefix("to=*@"), effect)
        case "sql":
            return _sql(pattern)
        case _:
            return [] if effect == "ask" else [_banded(tool, pattern, effect)]


def _labelled(rules: Sequence[Rule], said: str) -> list[Rule]:
    """The same rules, for runs that carry these labels."""
    labels = [LABELS[label] for label in said.split(" and ")]
    return [{**({rule: None} if isinstance(rule, str) else rule), "if": labels} for rule in rules]


def labels_in(context: Mapping[str, Any]) -> dict[Label, bool]:
    """What a case says of its run; a label that is null or missing is one that nobody knows."""
    told = context.get("labels") or {}
    return {label: told[name] for name, label in LABELS.items() if isinstance(told.get(name), bool)}


def _mcp(tool: str, pattern: str | None, effect: Verdict) -> list[Rule]:
    """An ask or deny rule whose condition cannot be said holds for every call of the tool."""
    if pattern is None or pattern == "*":
        return [tool]
    try:
        return [_conditional(tool, pattern)]
    except (KeyError, ValueError) as error:
        if effect != "allow":
            return [tool]
        raise ValueError(f"no rule of the engine says {tool}({pattern})") from error


def _conditional(tool: str, pattern: str) -> Rule:
    conditions: dict[str, Any] = {}
    beside: dict[str, Any] = {}
    for part in pattern.split(", "):
        name, _, said = part.partition("=")
        if name == "server":
            beside["server"] = said
        elif name.endswith("Hint"):
            beside.setdefault("hints", {})[name] = {"true": True, "false": False}[said]
        else:
            conditions[name] = _argument(said)
    return {tool: conditions or None, **beside}


def _argument(said: str) -> Any:
    if said.endswith("/**") and "*" not in said[:-3]:
        return {"under": said[:-3]}
    if said.startswith("/"):
        raise ValueError(said)
    return {"like": said} if "*" in said else said


def _sql(pattern: str) -> list[Rule]:
    """One rule for each dialect, as the call says which it is in."""
    match = re.fullmatch(r"(?P<what>read_only|write)(?:, tables=\{(?P<tables>[^}]*)\})?", pattern)
    if not match:
        raise ValueError(f"no rule of the engine says sql({pattern})")
    limit = {"tables": match["tables"].split(", ")} if match["tables"] else {}
    return [
        {"sql": {"query": {"sql": match["what"], "dialect": dialect, **limit}, "dialect": names}}
        for dialect, names in SQL_DIALECTS.items()
    ]


def server_facts(told: Mapping[str, Any] | None) -> ServerFacts | None:
    """What a case knows of the server. Without either definition it is not about pins; one alone is a missing pin."""
    if told is None:
        return None
    pinned, current = told.get("pinned_definition"), told.get("current_definition")
    spoken_of = {"pinned_definition", "current_definition"}.intersection(told)
    whole = not spoken_of or (pinned == current and isinstance(pinned, str) and bool(pinned))
    return ServerFacts(
        trusted=told.get("server_trusted") is True,
        hints=told.get("annotations") or {},
        changed="" if whole else "its definition is not the one that was pinned",
    )


def _email(domain: str, effect: Verdict) -> list[Rule]:
    if domain == "to=outside":
        return [{"send_email": {name: {"outside": HOUSE}}} for name in RECIPIENTS]
    if effect == "deny":
        return [{"send_email": {name: {"domain": domain}}} for name in RECIPIENTS]
    others = {name: {"domain": domain, "optional": name != "to"} for name in RECIPIENTS}
    return [{"send_email": {**others, "subject": {"one_line": True, "optional": True}}}]


def _banded(tool: str, pattern: str, effect: Verdict) -> Rule:
    """A payment's other arguments are texts; what is spent in a window is a budget of its rule."""
    rest, spent = re.subn(r",? ?spent_24h<=(\d+(?:\.\d+)?)", "", pattern), re.search(r"spent_24h<=([\d.]+)", pattern)
    texts = {"to": {"one_line": True}, "memo": {"one_line": True, "optional": True}} if tool == "pay" else {}
    conditions = _amounts(rest[0].removeprefix(", "))
    if effect != "allow":
        return {tool: conditions}
    if spent and "currency" not in conditions:
        raise ValueError(f"no budget of the engine adds up several currencies, as {pattern!r} does")
    rule: dict[str, Any] = {tool: {**texts, **conditions}}
    if spent:
        rule |= {"id": f"spent-{sha256(pattern.encode()).hexdigest()[:8]}"}
        rule |= {"budget": {"sum": "amount", "max": spent[1], "per": "24h"}}
    return rule


def spent_in(context: Mapping[str, Any], policy: Policy, tool: str) -> dict[str, Decimal] | None:
    """By rule, what a case says was spent in 24 hours, without its call; None where it does not say."""
    said = context.get("spent_24h")
    if isinstance(said, bool) or not isinstance(said, int | float):
        return None
    return {window.rule: Decimal(str(said)) for window in policy.windows(tool)}


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
        Rules.model_validate(lists),
        tools=tools,
        roots=dict.fromkeys(tools, work),
        project=work,
        arguments=ARGUMENTS,
        schemas=SCHEMAS,
    )


def _is_here(rule: Rule, tools: Mapping[str, Risk]) -> bool:
    """`*` as the engine has it: any text within the server's name, or within the tool's."""
    name = rule if isinstance(rule, str) else next(iter(rule))
    if "*" not in name:
        return name in tools
    wanted = name.split("__", 2)
    parts = [tool.split("__", 2) for tool in tools if tool.startswith("mcp__")]
    return any(all(map(fnmatchcase, part, wanted)) for part in parts if len(part) == len(wanted))


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
    decision = policy.decide(
        parsed,
        PolicyContext(
            addresses=tuple(context.get("resolves_to", ())),
            redirected_from=context.get("redirected_from") or "",
            labels=labels_in(context),
            server=server_facts(context.get("mcp")),
            spent=spent_in(context, policy, parsed.tool),
        ),
    )
    if "approval" in context and decision.verdict == "ask":
        decision = _with_the_yes(decision, parsed, context, policy, top)
    return decision.verdict, f"{decision.rule}: {decision.reason}"


AGENT: Final = "agent"
ON_FILE: Final = frozenset(
    {"tool", "args", "run_id", "call_id", "expires_in_s", "used", "by", "policy_version", "resolved", "denied"}
)
"""What a case says of an approval; of one that says more nobody knows what it means."""
NOW: Final = datetime(2026, 3, 1, 3, tzinfo=UTC)


def _with_the_yes(decision: Decision, call: Call, context: Mapping[str, Any], policy: Policy, top: Path) -> Decision:
    """What the gate makes of an ask to which an answer is on file."""
    told = context["approval"]

    def bound(one: Call, version: object, target: object) -> str:
        """As the gate binds it; a case has a version of the policy besides."""
        reached = _moved(target, top) if isinstance(target, str) else policy.target(one)
        return digest(one, policy=f"{policy.fingerprint} {json.dumps(version)}", target=reached)

    attempt = Attempt(
        run_id=str(context.get("run_id")),
        call_id=str(context.get("call_id")),
        digest=bound(call, context.get("policy_version"), context.get("resolved_now")),
        at=NOW,
    )
    try:
        shown = parse_call(told["tool"], _moved(json.dumps(told["args"]), top))
        on_file = Approval(
            run_id=str(told["run_id"]),
            call_id=str(told["call_id"]),
            agent=AGENT,
            digest=bound(shown, told.get("policy_version"), told.get("resolved")) if _is_a_yes(told) else "",
            by=str(told["by"]),
            good_until=NOW + timedelta(seconds=told["expires_in_s"]),
            used=told["used"] is not False,
        )
    except (CallError, KeyError, TypeError, OverflowError):
        return answered(decision, None, attempt)
    return answered(decision, on_file, attempt)


def _is_a_yes(told: Mapping[str, Any]) -> bool:
    return set(told) <= ON_FILE and told.get("denied", False) is False


def _moved_call(call: Mapping[str, Any], top: Path) -> str:
    path = (call["args"] or {}).get("path")
    if "args_json" not in call and call["tool"] in FILE_TOOLS and isinstance(path, str):
        return json.dumps({**call["args"], "path": _rooted(path, top)})
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
