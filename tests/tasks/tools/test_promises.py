"""What each tool that comes with Midwatch can promise is written down once, and is what its code declares."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import get_args

from midwatch.risk import ToolFacts
from midwatch.spec import Builtin
from tasks.tools.sandbox import Bubblewrap
from tasks.tools.shell import shell_tool
from tests.tasks.tools.agent_tools import Tools, declared

PAGE = Path(__file__).parents[3] / "docs" / "tools.md"
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| (yes|no)[^|]*\| (yes|no)[^|]*\| (yes|no)[^|]*\|$", re.MULTILINE)
ROOTED = ("read_file", "write_file", "list_dir", "delete_file")


def said(facts: ToolFacts) -> tuple[str, ...]:
    promises = (facts.idempotent, facts.probe is not None, facts.undo is not None)
    return (facts.risk, *("yes" if promise else "no" for promise in promises))


async def test_every_promise_of_a_builtin_is_documented_and_none_is_made_up(tools_of: Callable[..., Tools]) -> None:
    named = [{name: {"root": "data"}} if name in ROOTED else name for name in get_args(Builtin) if name != "shell"]
    listed = await tools_of(*named, rules={"ask": ["http_request"]}).listed()
    offered = {name: declared(tool) for name, tool in listed.items()}
    offered["shell"] = shell_tool(Bubblewrap("bwrap"), Path("data"), where="tools[0]").facts
    documented = {row[0]: row[1:] for row in ROW.findall(PAGE.read_text())}
    assert documented == {name: said(facts) for name, facts in offered.items()}
