"""The ledger: do the tables on the disk fit this code? Alembic brings an older ledger up; a newer one is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, column, inspect, select, table

from midwatch.errors import LedgerError
from midwatch.ledger.transaction import Store

MIGRATIONS: Final = Path(__file__).parent / "migrations"
HEAD: Final = "0017"
"""The revision that this code works with: the last one in `migrations/versions`."""
_VERSION: Final = table("alembic_version", column("version_num"))


async def migrate(store: Store) -> None:
    """Bring the tables to this code's revision. Two processes may do it at once: one waits, then finds it done.

    Raises:
        LedgerError: a newer midwatch has written this ledger.
    """
    if await store.read(lambda tx: _standing(tx.connection)) != HEAD:
        await store.write(lambda tx: _upgrade(tx.connection), durable=True)


def _standing(connection: Connection) -> str | None:
    """The revision of the tables; None before the first."""
    if not inspect(connection).has_table(_VERSION.name):
        return None
    return connection.execute(select(_VERSION.c.version_num)).scalar()


def _upgrade(connection: Connection) -> None:
    # Alembic takes longer to import than everything else that a process needs of the ledger, and is seldom needed.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    standing = _standing(connection)
    if standing is not None and standing not in known:
        raise LedgerError(
            f"the ledger is at revision {standing!r}, which this midwatch does not know: a newer one has written it. "
            "Update midwatch, or name another ledger in MIDWATCH_LEDGER_URL"
        )
    command.upgrade(config, HEAD)
