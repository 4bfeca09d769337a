"""Durable steps: one trial of one system. A whole run; then one that is cut after step N, and resumed; a process for each."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

from benchmarks.durable.work import Life

System = Literal["bare", "midwatch", "langgraph", "dbos", "prefectdurability", "midwatch_effects"]
SYSTEMS: Final[tuple[System, ...]] = get_args(System)
REPOSITORY: Final = Path(__file__).parents[2]
LIFE_SECONDS: Final = 1800.0
UNTRACED: Final = {"LANGSMITH_TRACING": "false", "LANGCHAIN_TRACING_V2": "false"}
"""Nothing of a run is sent to anyone, whatever the caller's environment says."""

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What was seen of one system at one number of steps."""

    system: System
    steps: int
    start_ms: float
    """From the call to the first model request."""
    ms_per_step: float
    """From the first model request to the end of the run, over the steps."""
    between_ms: float
    """From the first model request to the last one, over the steps: without what the end of a run costs once."""
    processor_ms: float
    """What the measuring process itself computed, over the steps as in `between_ms`; a server's work is not in it."""
    bytes_per_step: float
    bytes_by_part: Mapping[str, int]
    """Of the whole run."""
    peak_rss_mb: float
    task_runs: int | None
    """Operations of the whole run that Prefect's UI shows; None for a system without it."""
    resume_seconds: float | None
    """From the call that resumes the cut run to its next model request; None for a system that cannot."""
    resumed_at: int | None
    """The step that the next request is about; N + 1 when nothing was lost."""


def tried(system: System, steps: int, say: Say) -> Trial:
    """Measure once. Raises RuntimeError when a life did not go as scripted, with what it printed."""
    with tempfile.TemporaryDirectory(prefix=f"bench-{system}-") as temporary:
        folder = Path(temporary)
        with _stage(system, folder, say) as environment:
            whole, resumed = _lives(system, steps, folder, environment, say)
    return Trial(
        system=system,
        steps=steps,
        start_ms=whole["start_ms"],
        ms_per_step=(whole["steps_ms"] + whole["end_ms"]) / steps,
        between_ms=whole["steps_ms"] / steps,
        processor_ms=whole["processor_ms"] / steps,
        bytes_per_step=sum(whole["bytes"].values()) / steps,
        bytes_by_part=whole["bytes"],
        peak_rss_mb=whole["peak_rss_mb"],
        task_runs=whole["task_runs"],
        resume_seconds=resumed["start_ms"] / 1000 if resumed else None,
        resumed_at=resumed["first_number"] if resumed else None,
    )


def _lives(
    system: System, steps: int, folder: Path, environment: Mapping[str, str], say: Say
) -> tuple[Mapping[str, Any], Mapping[str, Any] | None]:
    """A whole run, and the second life of one that was cut."""
    whole = _life(system, steps, "whole", folder, environment, say)
    if whole["requests"] != steps + 1:
        raise RuntimeError(f"{system}, {steps} steps: the model was asked {whole['requests']} times, not {steps + 1}")
    if system == "bare":
        return whole, None
    _life(system, steps, "cut", folder, environment, say)
    return whole, _life(system, steps, "resumed", folder, environment, say)


@contextmanager
def _stage(system: System, folder: Path, say: Say) -> Iterator[Mapping[str, str]]:
    """Where a run takes place: an empty store, and a Prefect server where the system needs one; gives its environment."""
    (folder / "store").mkdir(parents=True)
    if system not in ("midwatch", "midwatch_effects", "prefectdurability"):
        yield {**os.environ, **UNTRACED}
        return
    from benchmarks.durable.prefect_server import served

    say("starting a Prefect server")
    with served(folder) as environment:
        yield environment


def _life(
    system: System, steps: int, life: Life, folder: Path, environment: Mapping[str, str], say: Say
) -> dict[str, Any]:
    say(life)
    output, log = folder / f"{life}.json", folder / f"{life}.log"
    words = (system, steps, life, folder / "store", output)
    argv = [sys.executable, "-m", "benchmarks.durable.life", *map(str, words)]
    code = _ended(argv, environment, log)
    if code != (-signal.SIGKILL if life == "cut" else 0):
        raise RuntimeError(f"{system}, {steps} steps, {life}: ended with {code}:\n{log.read_text()[-4000:]}")
    seen: dict[str, Any] = json.loads(output.read_text()) if life != "cut" else {}
    return seen


def _ended(argv: Sequence[str], environment: Mapping[str, str], log: Path) -> int | str:
    """The exit code of a process, or that it was ended because it took too long."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            argv, cwd=REPOSITORY, env=dict(environment), stdin=subprocess.DEVNULL, stdout=file, stderr=file
        )
        try:
            return process.wait(LIFE_SECONDS)
        except subprocess.TimeoutExpired:
            return f"nothing within {LIFE_SECONDS:.0f} s"
        finally:
            process.kill()
            process.wait()
