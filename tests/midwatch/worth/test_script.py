"""The written script: it does what the agent did, to the letter; what it cannot do it refuses to begin."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.worth.script import expression, script_of
from midwatch.worth.sequence import Filled, Invariant, Place, Repeated
from tests.midwatch.worth.test_reach import agent

OWL = agent(
    "tools: [{read_file: {root: data}}, {write_file: {root: data}}, {delete_file: {root: data}}, {shell: {root: data}},"
    " {http_request: {credentials: {a.example: {authorization: 'Bearer ${TOKEN}'}}}}]\n"
    "rules: {ask: [http_request: GET https://a.example/**]}"
)


def written(*calls: tuple[str, dict[str, Any]], per_item: bool = False) -> str:
    repeated = tuple(Repeated(tool=tool, args=args) for tool, args in calls)
    return script_of(OWL, Invariant(runs=10, calls=repeated, per_item=per_item, indifferent=True))


def run(text: str, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    (folder / "script.py").write_text(text)
    command = [sys.executable, "-I", "script.py", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


def test_it_does_the_same_without_a_model(tmp_path: Path) -> None:
    place = Filled((Place("input.who"), ".txt"))
    text = written(
        ("read_file", {"path": "old.txt"}),
        ("write_file", {"path": place, "content": 'of "{date}"\n'}),
        ("write_file", {"path": "gone.txt", "content": ""}),
        ("delete_file", {"path": "gone.txt"}),
        ("shell", {"command": Filled(("cp ", Place("input.who"), ".txt copy.txt")), "timeout": 5}),
    )
    done = run(text, tmp_path, "--who", "anna")
    assert (done.returncode, done.stderr) == (0, "")
    found = {path.name: path.read_text() for path in (tmp_path / "data").iterdir()}
    assert found == dict.fromkeys(("anna.txt", "copy.txt"), 'of "{date}"\n')


def test_for_items_it_does_it_once_for_each(tmp_path: Path) -> None:
    text = written(
        ("write_file", {"path": "log/x", "content": Filled((Place("item"), " ", Place("date")))}), per_item=True
    )
    assert run(text, tmp_path, "a.eml", "b.eml").returncode == 0
    assert (tmp_path / "data/log/x").read_text().startswith("b.eml 20")


@pytest.mark.parametrize("word", ["x; touch owned", "-rf", "$(touch owned)", "a'b", "a b", ""])
def test_what_is_no_plain_word_never_becomes_a_part_of_a_command(tmp_path: Path, word: str) -> None:
    done = run(written(("shell", {"command": Filled(("echo ", Place("input.who")))})), tmp_path, f"--who={word}")
    assert done.returncode == 1
    assert "no plain word" in done.stderr
    assert not list(tmp_path.rglob("owned"))


@pytest.mark.parametrize("path", ["../x", "/etc/x", "."])
def test_it_leaves_the_folder_of_the_tool_as_little_as_the_agent_could(tmp_path: Path, path: str) -> None:
    done = run(
        written(("write_file", {"path": Filled((Place("input.path"),)), "content": ""})), tmp_path, "--path", path
    )
    assert done.returncode == 1
    assert "is not in 'data'" in done.stderr


def test_what_no_script_can_call_is_left_by_hand_and_nothing_is_begun(tmp_path: Path) -> None:
    text = written(("write_file", {"path": "a", "content": "x"}), ("survey", {"of": "line\nline"}))
    done = run(text, tmp_path)
    assert done.returncode == 1
    assert "nothing was done: write by hand what no plain script can call (survey)" in done.stderr
    assert "# by hand: survey(of='line\\nline')" in text
    assert not (tmp_path / "data").exists()


def test_of_a_secret_it_has_the_name_alone() -> None:
    text = written(("http_request", {"method": "GET", "url": "https://a.example/x", "headers": {}, "body": ""}))
    assert compile(text, "script", "exec")
    assert "{'a.example': {'authorization': 'Bearer ${TOKEN}'}}" in text


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_whatever_stands_in_a_call_stays_a_value(value: Any) -> None:
    assert eval(expression(value), {"__builtins__": {}}) == value  # what is tested is that this is safe


@given(json_values)
def test_whatever_stands_in_a_call_by_hand_stays_in_its_comment(value: Any) -> None:
    assert compile(written(("survey", {"of": value})), "script", "exec")
