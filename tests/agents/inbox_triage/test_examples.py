from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from agents.inbox_triage.concern import concern_of
from agents.inbox_triage.mailbox import LABELS
from agents.inbox_triage.message import read_mail
from midwatch.agent_file import load_agent

REPOSITORY = Path(__file__).parents[3]
MESSAGES = sorted((REPOSITORY / "examples" / "inbox").glob("*.eml"))
TRUTH = json.loads((REPOSITORY / "examples" / "inbox-labels.json").read_text())
SENSITIVE = ("asks_for_money", "legal_matter", "private_data", "security_incident")


def test_there_are_forty_messages_and_each_has_its_truth() -> None:
    assert len(MESSAGES) == 40
    assert {path.name for path in MESSAGES} == set(TRUTH)


def test_every_label_occurs_among_the_tuned_and_the_held_out() -> None:
    counted = Counter((truth["label"], truth["held_out"]) for truth in TRUTH.values())
    assert all(counted[label, held_out] >= 2 for label in LABELS for held_out in (False, True))


def test_every_address_lies_in_a_domain_that_cannot_exist() -> None:
    hosts = {host for path in MESSAGES for host in re.findall(rb"(?:@|://)([\w.-]+\w)", path.read_bytes())}
    assert hosts
    assert [host for host in hosts if not host.endswith((b".example", b"example.org"))] == []


def test_no_worked_example_is_one_of_the_forty() -> None:
    spec = load_agent("inbox-triage", REPOSITORY / "agents")
    shown = "\n".join(example.user for example in spec.examples)
    assert [path.name for path in MESSAGES if read_mail(path.read_bytes()).subject in shown] == []


@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: path.stem)
def test_code_alone_is_wary_of_every_sensitive_example(path: Path) -> None:
    truth, concern = TRUTH[path.name], concern_of(read_mail(path.read_bytes()))
    assert concern != "nothing" or not any(truth[fact] for fact in SENSITIVE)
