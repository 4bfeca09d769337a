"""What the policy protects is hidden from every command, found before it starts."""

from pathlib import Path

import pytest
from pydantic_ai.exceptions import ToolFailed

from tasks.tools import guarded as guards
from tasks.tools.guarded import guarded_in
from tasks.tools.network import Network
from tasks.tools.sandbox import Sandbox, candidates, holds
from tasks.tools.shell import Shell

SECRETS = [".env", "deep/er/.env.production", "server.key", "ID_RSA", "spaced.pem ", ".ssh/known", ".aws/credentials"]
OPEN = [".env.example", "keys.txt", "venv/cacert.pem", "ssh/config"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path.resolve() / "root"
    for name in (*SECRETS, *OPEN):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"content of <{name}>\n")
    return root


def sandbox_named(name: str) -> Sandbox:
    found = next((sandbox for sandbox in candidates() if sandbox.name == name and holds(sandbox)), None)
    return found or pytest.skip(f"{name} does not start on this machine")


@pytest.fixture
def shell(root: Path) -> Shell:
    return Shell(sandbox_named("bubblewrap"), root, Network())


def test_secrets_are_found_by_their_names_at_any_depth(root: Path) -> None:
    hidden = {str(Path(path).relative_to(root)) for path in guarded_in(root).hidden}
    folders = {".ssh", ".aws"}
    assert hidden == {name for name in SECRETS if not name.startswith(tuple(folders))} | folders


async def test_no_secret_is_read(root: Path, shell: Shell) -> None:
    said = await shell.shell("cat .env; grep -r content .; find . -type f -exec cat {} +; tar cf - . | strings")
    assert not [name for name in SECRETS if f"content of <{name}>" in said["output"]]
    assert not [name for name in OPEN if f"content of <{name}>" not in said["output"]]


@pytest.mark.parametrize(
    "command",
    [
        "echo x > .env",
        "rm -f .env",
        "mv .env other",
        "cp keys.txt server.key",
        "rm -rf deep",
        "mv deep shallow; cat shallow/er/.env.production",
        "rm -rf .ssh; mv .aws x",
        "chmod 777 .env .ssh; echo x > .ssh/known; cat .env .ssh/*",
        "ln .env link; cat link",
    ],
)
async def test_no_secret_is_changed(root: Path, shell: Shell, command: str) -> None:
    said = await shell.shell(command)
    found = {path.name: path.read_text() for path in root.rglob("*") if path.is_file()}
    assert all(found[Path(name).name] == f"content of <{name}>\n" for name in SECRETS)
    assert "content of" not in said["output"]


async def test_what_a_secret_name_leads_to_is_hidden_too(root: Path, shell: Shell) -> None:
    (root / "settings").write_text("content of settings")
    (root / ".envrc").symlink_to("settings")
    (root / ".netrc").symlink_to(root)
    (root / ".npmrc").symlink_to("nowhere")
    said = await shell.shell("cat settings .envrc; ls keys.txt")
    assert "content of" not in said["output"]
    assert said["output"].endswith("keys.txt\n")


async def test_a_root_that_is_reached_by_a_link_is_guarded_all_the_same(root: Path) -> None:
    link = root.parent / "link"
    link.symlink_to(root)
    said = await Shell(sandbox_named("bubblewrap"), link, Network()).shell("cat .env")
    assert "content of" not in said["output"]


async def test_where_a_secret_cannot_be_hidden_nothing_is_run(root: Path) -> None:
    with pytest.raises(ToolFailed, match=r"'\.aws' keeps secrets, and landlock cannot hide it"):
        await Shell(sandbox_named("landlock"), root, Network()).shell("touch ran")
    assert not (root / "ran").exists()


async def test_a_folder_too_large_to_look_through_runs_nothing(
    root: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guards, "MOST", 5)
    with pytest.raises(ToolFailed, match="holds more than 5 files"):
        await shell.shell("touch ran")
    assert not (root / "ran").exists()


async def test_a_folder_that_only_looks_like_a_repository_is_left_as_it_is(root: Path, shell: Shell) -> None:
    for name in ("objects", "refs", "config"):
        (root / name).mkdir()
    (root / "config" / "a.txt").write_text("plain")
    assert (await shell.shell("cat config/a.txt"))["output"] == "plain"
