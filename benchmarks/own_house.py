"""Where does a benchmark happen that needs everything? In a house of its own, all real; only the model is scripted."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cli.home import House
    from tests.flows.scripted_model import Script


@contextmanager
def own_house(**named: str) -> Iterator[tuple[House, Script]]:
    """A house that is up, and this process its client; both are gone afterwards.

    Prefect reads its settings as it is imported, so whoever comes here has not imported it yet.

    Args:
        named: more of the environment of everything in it.
    """
    with tempfile.TemporaryDirectory() as folder:
        for name in [name for name in os.environ if name.startswith(("PREFECT_", "MIDWATCH_"))]:
            del os.environ[name]
        os.environ.update(PREFECT_HOME=f"{folder}/prefect", DO_NOT_TRACK="1", **named)
        from tests.flows.conftest import house_of_agents
        from tests.flows.scripted_model import Script

        script, project = Script(), Path(folder) / "project"
        project.mkdir()
        with house_of_agents(project, script) as house:
            yield house, script
