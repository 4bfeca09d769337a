"""The latch on disk: that the file is there halts, whatever stands in it; what cannot be told counts as halted."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from midwatch.errors import Halted
from midwatch.halt import Halt, Target
from midwatch.run import RunFacts
from tasks.permissions.latch import Latch, refuse_if_latched

AT = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)


def halt(target: Target, by: str = "anna") -> Halt:
    return Halt(scope=target.scope, name=target.name, by=by, via="cli", because="it spends", at=AT)


@pytest.fixture
def latch(tmp_path: Path) -> Latch:
    return Latch(tmp_path / "home")


def test_nobody_is_halted_where_nobody_ever_was(latch: Latch) -> None:
    assert (latch.on("owl", "r1"), latch.standing(), latch.lift(Target.of())) == (None, [], False)


@pytest.mark.parametrize("target", Target.around("owl", "r1"), ids=lambda target: target.scope)
def test_a_latch_holds_until_it_is_lifted(latch: Latch, target: Target) -> None:
    assert latch.set(halt(target)) == halt(target) == latch.on("owl", "r1")
    assert latch.standing() == [halt(target)]
    with pytest.raises(Halted, match="was halted by anna"):
        refuse_if_latched(RunFacts(run_id="r1", agent="owl", started_at=AT, home=latch.home))
    assert latch.lift(target)
    assert latch.on("owl", "r1") is None
    refuse_if_latched(RunFacts(run_id="r1", agent="owl", started_at=AT, home=latch.home))


def test_a_latch_of_another_agent_or_run_stops_nothing(latch: Latch) -> None:
    latch.set(halt(Target.of("lark")))
    latch.set(halt(Target.of(run_id="r2")))
    assert latch.on("owl", "r1") is None


def test_the_first_latch_stands_and_an_unreadable_one_is_replaced(latch: Latch) -> None:
    latch.set(halt(Target.of()))
    assert latch.set(halt(Target.of(), by="ben")).by == "anna"
    (latch.folder / "all").write_text("?")
    assert latch.set(halt(Target.of(), by="ben")).by == "ben"
    assert latch.on("owl", "r1") == halt(Target.of(), by="ben")


def _touched(path: Path) -> None:
    path.touch()


def _is_a_folder(path: Path) -> None:
    path.mkdir()


def _leads_nowhere(path: Path) -> None:
    path.symlink_to("nowhere")


def _leads_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def _no_json(path: Path) -> None:
    path.write_text("{halt")


def _of_somebody_else(path: Path) -> None:
    path.write_text(halt(Target.of("lark")).model_dump_json())


def _with_more_in_it(path: Path) -> None:
    path.write_text(halt(Target.of()).model_dump_json().replace("{", '{"lifted": true, ', 1))


def _without_a_reason(path: Path) -> None:
    path.write_text(halt(Target.of()).model_dump_json().replace("it spends", ""))


def _not_text(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00")


BROKEN: tuple[Callable[[Path], None], ...] = (
    *(_touched, _is_a_folder, _leads_nowhere, _leads_to_itself, _no_json, _of_somebody_else, _with_more_in_it),
    *(_without_a_reason, _not_text),
)


@pytest.mark.parametrize("broken", BROKEN)
def test_what_makes_no_sense_counts_as_halted(latch: Latch, broken: Callable[[Path], None]) -> None:
    latch.folder.mkdir(parents=True)
    broken(latch.folder / "all")
    found = latch.on("owl", "r1")
    assert found is not None
    assert "what cannot be told counts as halted" in found.words()
    assert [one.scope for one in latch.standing()] == ["all"]


def test_a_folder_that_cannot_be_searched_counts_as_halted(latch: Latch) -> None:
    latch.home.mkdir()
    latch.folder.write_text("no folder")
    found = latch.on("owl", "r1")
    assert found is not None
    assert "cannot be read (Not a directory)" in found.because
    assert [one.scope for one in latch.standing()] == ["all"]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_folder_without_permission_counts_as_halted(latch: Latch) -> None:
    latch.folder.mkdir(parents=True)
    latch.folder.chmod(0)
    try:
        assert latch.on("owl", "r1") is not None
    finally:
        latch.folder.chmod(0o700)


@pytest.mark.parametrize("name", ["..", "a/b", "", "x" * 500])
def test_a_run_whose_name_could_be_no_file_counts_as_halted(latch: Latch, name: str) -> None:
    found = latch.on("owl", name)
    assert found is not None
    assert "cannot be told" in found.because


@pytest.mark.parametrize("name", ["ALL", "all.", "owl", "agent.owl.yaml", "agent-owl", "agent.", "everything"])
def test_a_file_whose_name_says_nothing_halts_everything_and_is_shown_so(latch: Latch, name: str) -> None:
    latch.set(halt(Target.of("owl")))
    (latch.folder / name).touch()
    shown = {one.words()[:10] for one in latch.standing()}
    found = latch.on("lark", "r1")
    assert (shown, found and found.scope) == ({"agent owl ", "everything"}, "all")
    assert found is not None
    assert f"{name} is no name of a latch" in found.because


@pytest.mark.parametrize("name", ["draft.x", ".nfs0001", ".DS_Store"])
def test_drafts_and_what_a_file_system_leaves_are_no_latches(latch: Latch, name: str) -> None:
    latch.folder.mkdir(parents=True)
    (latch.folder / name).write_text("{")
    assert (latch.on("owl", "r1"), latch.standing()) == (None, [])


def test_a_folder_that_leads_nowhere_counts_as_halted(latch: Latch) -> None:
    latch.home.mkdir()
    latch.folder.symlink_to("gone")
    found = latch.on("owl", "r1")
    assert found is not None
    assert latch.standing()[0].because == found.because


def test_nothing_of_a_latch_is_left_half_written(latch: Latch) -> None:
    latch.set(halt(Target.of()))
    assert sorted(os.listdir(latch.folder)) == ["all"]
    assert Halt.model_validate_json((latch.folder / "all").read_text()) == halt(Target.of())
