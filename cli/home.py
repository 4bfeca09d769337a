"""The house: where does an installation live? Its folders, its files and its address, as one value."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from midwatch.errors import HouseError
from midwatch.whole_file import write_whole

ADDRESS = "127.0.0.1"
"""The only address that anything of the house listens on."""
POOL = "midwatch"
"""The work pool of `prefect.yaml`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    project: Path
    """The folder of prefect.yaml, agents/ and flows/."""
    home: Path
    """All state of this installation; only its owner can enter."""
    port: int | None = None
    """Where the Prefect server listens; None until the house was first started."""

    @property
    def prefect(self) -> Path:
        """PREFECT_HOME: the server's database and the stored results of tasks."""
        return self.home / "prefect"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def auth(self) -> Path:
        """`midwatch:PASSWORD`, the whole of which the UI asks for."""
        return self.home / "auth"

    @property
    def encryption_key(self) -> Path:
        """Fernet key of the block secrets, outside the database that holds them."""
        return self.home / "encryption.key"

    @property
    def record(self) -> Path:
        """What the supervisor last wrote about itself and its children."""
        return self.home / "house.json"

    @property
    def ever_up(self) -> bool:
        """Whether `midwatch up` has ever begun to furnish it."""
        return self.port is not None or self.prefect.exists() or self.record.exists()

    @property
    def url(self) -> str:
        """The UI. Raises HouseError when the house was never started."""
        if self.port is None:
            raise HouseError(f"no house was ever started in {self.home}: run `midwatch up` first")
        return f"http://{ADDRESS}:{self.port}"


def locate(environ: Mapping[str, str]) -> House:
    """The installation that MIDWATCH_PROJECT and MIDWATCH_HOME name; else the checkout that this file is in."""
    project = Path(environ.get("MIDWATCH_PROJECT") or Path(__file__).parent.parent).resolve()
    home = Path(environ.get("MIDWATCH_HOME") or project / ".midwatch").resolve()
    return House(project=project, home=home, port=_remembered_port(home))


def furnish(house: House) -> None:
    """Make the folders, closed to everyone but their owner. Raises HouseError when they belong to somebody else."""
    for folder in (house.home, house.prefect, house.logs):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid != os.geteuid():
            raise HouseError(f"{folder} belongs to another user: set MIDWATCH_HOME to a folder of your own")
        folder.chmod(0o700)


def remember_port(house: House, port: int) -> None:
    """Keep the port for every later start, so that bookmarks and `midwatch env` stay right."""
    write_whole(house.home / "port", f"{port}\n")


def _remembered_port(home: Path) -> int | None:
    try:
        return int((home / "port").read_text())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise HouseError(f"{home} belongs to another user: set MIDWATCH_HOME to a folder of your own") from error
    except ValueError as error:
        raise HouseError(f"{home / 'port'} does not hold a port number: remove it, then `midwatch up`") from error
