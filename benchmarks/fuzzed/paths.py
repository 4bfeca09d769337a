"""Paths: an allowed one ends, as the kernel walks it, below the folder that the rule names."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.fuzzed.mutants import is_allowed, mutants
from midwatch.policy import Policy, compile_policy
from midwatch.spec import Rules

SEEDS: Final = (
    *("in/a.txt", "in/deep/b.txt", "in/new.txt", "in/up/in/a.txt", "in/here/a.txt", "./in//a.txt", "in/deep/../a.txt"),
    *("in/away/x", "in/round/in/a.txt", "in/deep/climb/a.txt", "in/secret", "in/loop/x"),
)
PIECES: Final = (
    *(
        "..",
        "../",
        "/..",
        "./",
        "/.",
        "//",
        "/",
        "in/",
        "out/",
        "up/",
        "away/",
        "here/",
        "round/",
        "climb/",
        "deep/",
        "a.txt",
    ),
    *(
        "secret",
        "x",
        " ",
        ".",
        "...",
        "\\",
        "~",
        "$x",
        "%2e%2e/",
        "%2f",
        "\u2024\u2024/",
        "\uff0e\uff0e\uff0f",
        "\u200b",
        "\x00",
    ),
    *(
        "\n",
        "é",
        "e\u0301",
        "file:",
        "/proc/self/root/",
        "/dev/fd/",
        "A.TXT",
        "*",
        "?",
        "[a]",
        "\u2215",
        "\ud800",
        "new/",
    ),
)
PATHS: Final = mutants(SEEDS, PIECES)


@contextmanager
def path_oracle() -> Iterator[Callable[[str], str | None]]:
    """For a path: None when it is not allowed, else where it really leads if that is elsewhere; "" for nothing."""
    with tempfile.TemporaryDirectory(prefix="fuzzed-") as folder:
        root = Path(folder).resolve() / "root"
        (root / "in" / "deep").mkdir(parents=True)
        (root / "out").mkdir()
        for file in ("in/a.txt", "in/deep/b.txt", "out/x", "../x"):
            (root / file).write_text("x")
        links = {"up": "..", "here": ".", "away": "../out", "round": str(root), "secret": "../out/x", "loop": "loop"}
        for name, target in links.items():
            (root / "in" / name).symlink_to(target)
        (root / "in/deep/climb").symlink_to("../../out/..")
        rules = Rules(allow=[{"read_file": "in/**"}, {"write_file": "in/**"}])
        policy = compile_policy(rules, tools={"read_file": "read", "write_file": "write"}, roots={}, project=root)
        yield lambda path: _judged(policy, root, path)


def _judged(policy: Policy, root: Path, path: str) -> str | None:
    places = [
        _reached(root, path, flags)
        for tool, arguments, flags in (
            ("read_file", {"path": path}, os.O_RDONLY),
            ("write_file", {"path": path, "content": ""}, os.O_WRONLY | os.O_CREAT),
        )
        if is_allowed(policy, tool, arguments)
    ]
    if not places:
        return None
    astray = next((place for place in places if place and not f"{place}/".startswith(f"{root}/in/")), "")
    return f"leads to {astray}" if astray else ""


def _reached(root: Path, path: str, flags: int) -> str:
    """Where the kernel ends up; "" when it refuses. A file that comes to be is removed again."""
    was_there = os.path.exists(root / path)
    folder = os.open(root, os.O_PATH)
    try:
        handle = os.open(path, flags | os.O_NONBLOCK, 0o600, dir_fd=folder)
    except OSError:
        return ""
    finally:
        os.close(folder)
    place = os.readlink(f"/proc/self/fd/{handle}")
    os.close(handle)
    if not was_there:
        os.unlink(place)
    return place
