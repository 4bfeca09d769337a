"""Row 2. A backup could not push for 24 days; the agent described the error so well that every run counted as ok.

Here: the contract reads the remote back, and the run is `failed` from the first night on.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.flows.conftest import Night
from tests.flows.scripted_model import call
from tests.incidents.world import git

AGENT = "backup-that-never-arrived"
BACKUP = f"""
tools:
  - python: tests.incidents.world:push_backup
rules: {{allow: [push_backup]}}
ceiling: 4
contract:
  done_when:
    - command:
        argv: [git, -C, work/{AGENT}/repository, push, --dry-run, --porcelain, origin, main]
        stdout_contains: ["[up to date]"]
      name: the remote has what we have
"""
WELL_DESCRIBED = (
    "The backup ran. The push was rejected by the remote's pre-receive hook, which I have documented; this is a known "
    "condition on the remote's side, and all local steps completed successfully."
)


def refusing_remote(night: Night) -> Path:
    """A repository and its remote, which takes nothing; returns the hook that refuses."""
    folder = night.project / "work" / AGENT
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", folder / "remote"], check=True)
    subprocess.run(["git", "init", "-q", "-b", "main", folder / "repository"], check=True)
    subprocess.run([*git(folder / "repository"), "remote", "add", "origin", folder / "remote"], check=True)
    hook = folder / "remote" / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho the quota is used up >&2\nexit 1\n")
    hook.chmod(0o755)
    return hook


async def test_every_night_without_a_push_is_red_and_the_first_one_with_it_is_green(night: Night) -> None:
    hook = refusing_remote(night)
    night.agent(AGENT, BACKUP, call("push_backup"), WELL_DESCRIBED)
    await night.ledger.grant_level(AGENT, 4, by="test", because="a test")
    for _ in range(2):
        row = await night.ended(await night.start(AGENT))
        assert row.outcome == "failed", row.reason
        assert "the remote has what we have: expected '[up to date]' in its output" in row.reason
    hook.unlink()
    row = await night.ended(await night.start(AGENT))
    assert row.outcome == "verified", row.reason
