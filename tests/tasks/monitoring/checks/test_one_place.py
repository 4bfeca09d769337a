"""Each input in exactly one place: none lost, none doubled, none changed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from midwatch.contract import OnePlaceCheck
from midwatch.run import RunFacts
from tasks.monitoring.checks import one_place
from tasks.monitoring.evidence import CannotLook

CHECK = OnePlaceCheck(inputs="in/*.eml", places=["done/*.eml", "kept/*.eml"])


@pytest.fixture
def project(facts: RunFacts) -> Path:
    for folder in ("in", "done", "kept"):
        (facts.project / folder).mkdir()
    for name in ("a", "b"):
        (facts.project / "in" / f"{name}.eml").write_text(name)
    return facts.project


def filed(project: Path, name: str, place: str = "done") -> None:
    (project / "in" / f"{name}.eml").rename(project / place / f"{name}.eml")


def both(project: Path) -> None:
    filed(project, "a")
    filed(project, "b", "kept")


def lost(project: Path) -> None:
    filed(project, "a")
    (project / "in" / "b.eml").unlink()


def copied(project: Path) -> None:
    both(project)
    shutil.copy(project / "done" / "a.eml", project / "kept" / "other-name.eml")


def changed_on_the_way(project: Path) -> None:
    both(project)
    (project / "done" / "a.eml").write_text("a, and a word more")


def changed_where_it_was(project: Path) -> None:
    filed(project, "b")
    (project / "in" / "a.eml").write_text("another")


@pytest.mark.parametrize(
    ("happens", "said"),
    [
        (both, "2 of 2 inputs in exactly one place"),
        (lost, "1 of 2 inputs in exactly one place; lost or changed: in/b.eml"),
        (copied, "1 of 2 inputs in exactly one place; there twice: in/a.eml"),
        (changed_on_the_way, "1 of 2 inputs in exactly one place; lost or changed: in/a.eml"),
        (changed_where_it_was, "1 of 2 inputs in exactly one place; changed: in/a.eml"),
        (lambda project: filed(project, "a"), "1 of 2 inputs in exactly one place; left in no place: in/b.eml"),
    ],
)
async def test_what_became_of_each_input_is_told(
    facts: RunFacts, project: Path, happens: Callable[[Path], None], said: str
) -> None:
    was = json.loads(json.dumps(await one_place.before(CHECK, facts)))
    happens(project)
    finding = await one_place.look(CHECK, "inputs", facts, was)
    assert (finding.detail, finding.held) == (said, ";" not in said)


async def test_what_was_there_before_with_the_same_content_is_not_a_second_copy(facts: RunFacts, project: Path) -> None:
    shutil.copy(project / "in" / "a.eml", project / "done" / "last-week.eml")
    was = await one_place.before(CHECK, facts)
    both(project)
    assert (await one_place.look(CHECK, "inputs", facts, was)).held
    (project / "done" / "a.eml").unlink()
    assert "lost" in (await one_place.look(CHECK, "inputs", facts, was)).detail


async def test_without_inputs_it_holds_and_confirms_nothing(facts: RunFacts, project: Path) -> None:
    both(project)
    finding = await one_place.look(CHECK, "inputs", facts, await one_place.before(CHECK, facts))
    assert (finding.held, finding.empty, finding.detail) == (True, True, "0 of 0 inputs in exactly one place")


async def test_inputs_that_cannot_be_seen_are_not_none(facts: RunFacts, project: Path) -> None:
    (project / "in" / "c.eml").symlink_to("a.eml")
    with pytest.raises(CannotLook, match=r"in/c\.eml is a link"):
        await one_place.before(CHECK, facts)
    shutil.rmtree(project / "in")
    with pytest.raises(CannotLook, match="there is no folder in: make it"):
        await one_place.before(CHECK, facts)


async def test_two_inputs_with_the_same_content_are_two(facts: RunFacts, project: Path) -> None:
    (project / "in" / "b.eml").write_text("a")
    was = await one_place.before(CHECK, facts)
    filed(project, "a")
    assert not (await one_place.look(CHECK, "inputs", facts, was)).held
    filed(project, "b")
    assert (await one_place.look(CHECK, "inputs", facts, was)).held


async def test_a_file_that_two_places_mean_is_in_one_and_what_comes_later_is_none_of_the_runs(
    facts: RunFacts, project: Path
) -> None:
    check = OnePlaceCheck(inputs="in/*.eml", places=["in/*.eml", "in/**", "done/*.eml"])
    was = await one_place.before(check, facts)
    (project / "in" / "late.eml").write_text("late")
    assert (await one_place.look(check, "inputs", facts, was)).detail == "2 of 2 inputs in exactly one place"
