"""An agent file is read strictly, and every fault in it says where it is and what would be right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.agent_file import load_agent, parse_agent
from midwatch.errors import SpecError, SpecFaults

GOOD = "name: tidy\ndescription: Tidies up.\ninstructions: Be tidy.\n"


def faults(text: str) -> list[str]:
    with pytest.raises(SpecFaults) as caught:
        parse_agent(text, path="agents/tidy.yaml", stem="tidy")
    return str(caught.value).splitlines()


def test_a_good_file_gives_its_spec(tmp_path: Path) -> None:
    path = tmp_path / "tidy.yaml"
    path.write_text(GOOD + "tools:\n  - shell: {root: data}\n  - notes\nlimits: {usd: 2}\n")
    spec = load_agent(path)
    assert spec.name == "tidy"
    assert [tool.builtin for tool in spec.tools] == ["shell", "notes"]
    assert spec.tools[0].root == "data"
    assert spec.limits.usd == 2


@pytest.mark.parametrize(
    ("addition", "fault"),
    [
        ("ruls: {}\n", "4: ruls: `ruls` is not a field of an agent file; did you mean `rules`?"),
        ("limits:\n  stps: 4\n", "5: limits.stps: `stps` is not a field of `limits`; did you mean `steps`?"),
        ("input: {size: {type: strng}}\n", "4: input.size: it is not a JSON schema: 'strng' is not valid"),
        ("input: {size: 3}\n", "4: input.size: it must be a JSON schema, as in `{type: string}`"),
        (
            "for_each: {files: '*.txt'}\ncontract: {done_when: [{file: {path: 'out/{item}'}}]}\n",
            "5: contract.done_when[0].file.path: there is no {item}",
        ),
        ("tools: [shel]\n", "4: tools[0]: `shel` is not one of: "),
        ("tools:\n- shel:\n", "5: tools[0].shel: `shel` is not one of: "),
        ("tools:\n- notes\n- read_file: {rot: x}\n", "6: tools[1].read_file.rot: `rot` is not a field of `tools[1]."),
        ("tools: [{python: foo}]\n", "4: tools[0].python: `foo` must be `module:function`"),
        ("tools: [{}]\n", "4: tools[0]: a tool is exactly one of: a built-in's name, python, mcp"),
        ("tools: [5]\n", "4: tools[0]: must be a mapping (`key: value` lines), not the number 5"),
        ("model: 7\n", "4: model: must be text or a list (`- ...` lines), not the number 7"),
        ("limits: {steps: '50'}\n", "4: limits.steps: must be a whole number, not the text `50`"),
        ("limits: {minutes: yes}\n", "4: limits.minutes: must be a number, not the text `yes`"),
        ("limits: {steps: true}\n", "4: limits.steps: must be a whole number, not true"),
        ("limits: {usd: 0}\n", "4: limits.usd: must be more than 0, not 0"),
        ("limits: {usd: .inf}\n", "4: limits.usd: `.inf` is not a number that can be used"),
        ("ceiling: 6\n", "4: ceiling: must be at most 5, not 6"),
        ("ceiling: 5\n", "4: ceiling: 5 (unattended) needs `contract.done_when`"),
        ("escalation: {then: den}\n", "4: escalation.then: `den` is not one of: deny, end; did you mean `deny`?"),
        (
            "rules: {allow: [5]}\n",
            "4: rules.allow[0]: must be text or a mapping (`key: value` lines), not the number 5",
        ),
        ("contract:\n  done_when:\n  - fil: {}\n", "6: contract.done_when[0].fil: `fil` is not a field of"),
        ("contract: {done_when: [{file: {}}]}\n", "4: contract.done_when[0].file.path: is missing"),
        (
            "contract: {noop_when: [{}]}\n",
            "4: contract.noop_when[0]: a check has exactly one of: file, files, command, http",
        ),
        (
            "contract: {done_when: [{sql: {url_env: U, query: q}}]}\n",
            "4: contract.done_when[0].sql: an SQL check has exactly one of: equals, at_least",
        ),
        ("contract:\n  done_when:\n", "5: contract.done_when: must be a list (`- ...` lines), not nothing"),
        ("prompt: Look at {itm}.\n", "4: prompt: unknown place {itm}; did you mean `item`?"),
        ("prompt: Look at {item}.\n", "4: prompt: there is no {item} without `for_each`"),
        (
            "contract: {done_when: [{file: {path: 'r/{input.day}'}}]}\n",
            "4: contract.done_when[0].file.path: the run's input has no 'day'",
        ),
        (
            "tools:\n- write_file: {root: a, bind: {path: '{dat}'}}\n",
            "5: tools[0].write_file.bind.path: unknown place {dat}; did you mean `date`?",
        ),
        (
            "tools:\n- shell: {root: a, idempotent: true}\n",
            "5: tools[0]: `idempotent` is for http_request; a Python function declares it",
        ),
        ("known: ['*']\n", "4: known[0]: `*` is too short to tell anybody by: at least four characters"),
        ("known: ['*.com']\n", "4: known[0]: `*.com`: a star stands only in front of a domain"),
        ("known: [ok.example, 'a*@b.example']\n", "4: known[1]: `a*@b.example`: a star stands only in front"),
        (
            "tools: [{python: 'a.b:c', untrusted: false}]\n",
            "4: tools[0]: `untrusted` and `private` are for built-ins here; @tool(...) declares them",
        ),
        ("name: other\n", "4: name: `name` is given twice (first in line 1)"),
        ("1: x\n", "4: a key must be text; put it in quotes"),
        ("a: b: c\n", "4: not YAML: mapping values are not allowed here"),
        ("input: &x {}\n", "4: anchors (`&`) and aliases (`*`) are not read here"),
        ("prompt: !!python/name:os.system x\n", "4: tags (`!...`) are not read here"),
    ],
)
def test_a_fault_names_its_file_line_field_and_a_way_out(addition: str, fault: str) -> None:
    (line,) = faults(GOOD + addition)
    assert line.startswith(f"agents/tidy.yaml:{fault}")
    assert "pydantic" not in line
    assert "https://" not in line


def test_all_faults_of_a_file_are_told_at_once_in_the_order_of_their_lines() -> None:
    lines = faults("nam: tidy\ndescription: 5\nlimits: {stps: 1}\n")
    numbers = [int(line.split(":")[1]) for line in lines]
    assert len(lines) == 5
    assert numbers == sorted(numbers)


def test_a_name_that_is_not_the_files_is_refused() -> None:
    (line,) = faults(GOOD.replace("tidy\n", "other\n"))
    assert "`other` is not the file's name; call it `tidy`, or the file `other.yaml`" in line


@pytest.mark.parametrize("text", ["", "- a\n", "just text\n", "5\n"])
def test_what_is_no_mapping_is_no_agent(text: str) -> None:
    (line,) = faults(text)
    assert "must be a mapping" in line


def test_a_nest_without_a_floor_is_refused() -> None:
    (line,) = faults("- " * 5000 + "a\n")
    assert "nested more than 32 deep" in line


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tidy.yaml"
    path.write_text(GOOD + "#" * 300_000)
    with pytest.raises(SpecFaults, match="larger than 256 KiB"):
        load_agent(path)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tidy.yaml"
    path.write_bytes(b"name: \xff\xfe\n")
    with pytest.raises(SpecFaults, match="not UTF-8"):
        load_agent(path)


def test_an_agent_is_found_by_name_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "tidy.yaml").write_text(GOOD)
    assert load_agent("tidy", tmp_path).name == "tidy"
    with pytest.raises(SpecFaults, match=r"no agent 'tidi' in .*; did you mean `tidy`"):
        load_agent("tidi", tmp_path)


@pytest.mark.parametrize("name", ["../tidy", "/etc/passwd", "a/b", "tidy.yaml", "tidy\n", "tidy\0", "", "T", "a" * 99])
def test_a_hostile_name_never_leaves_the_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "tidy.yaml").write_text(GOOD)
    folder = tmp_path / "agents"
    folder.mkdir()
    with pytest.raises(SpecFaults, match="is not an agent's name"):
        load_agent(name, folder)


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(["name", "model", "tools", "rules", "limits", "contract", "examples", "escalation", "ruls"])


@given(data=st.dictionaries(KEYS, TREES, max_size=5), cut=st.sampled_from([0, 2]))
def test_whatever_stands_in_a_file_it_is_read_or_refused_in_words(data: dict[str, object], cut: int) -> None:
    text = json.dumps(data, ensure_ascii=False, indent=1)
    with pytest.raises(SpecError, match=r"\Ax\.yaml"):
        parse_agent(text[: len(text) - cut], path="x.yaml", stem="x")


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[2] / "agents").glob("*.yaml")), ids=lambda path: path.stem
)
def test_every_shipped_agent_can_be_read(path: Path) -> None:
    assert load_agent(path).name == path.stem
