"""The house: with which environment does Prefect run in it? Safe settings, and nothing inherited that undoes them."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from cli import keys, zone
from cli.home import ADDRESS, House
from midwatch.whole_file import write_whole

QUIET = {
    "DO_NOT_TRACK": "1",  # Prefect's SDK analytics (Amplitude): the only switch that it has
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
}
"""Nothing about this machine is sent to anyone."""

END_OF_CERTIFICATE = "-----END CERTIFICATE-----\n"

CHILD = {
    "PREFECT_CLI_PROMPT": "false",
    "PREFECT_CLI_COLORS": "false",
    "PREFECT_LOGGING_COLORS": "false",
    "PREFECT_CLIENT_MAX_RETRIES": "8",  # waits 2, 4, 8 ... 256 s: a run outlives a server that is away for 8 minutes
    "PREFECT_WORKER_QUERY_SECONDS": "1",
    "PREFECT_WORKER_HEARTBEAT_SECONDS": "10",
    "PREFECT_WORKER_WEBSERVER_HOST": ADDRESS,
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    "PYTHONUNBUFFERED": "1",
}
"""For the long-lived processes; a person's own commands rather fail at once than wait for minutes."""


def client_environment(house: House) -> dict[str, str]:
    """What a command or a run needs to reach this house's Prefect. Holds the password."""
    return {
        "MIDWATCH_PROJECT": str(house.project),
        "MIDWATCH_HOME": str(house.home),
        zone.VARIABLE: zone.name(),  # prefect.yaml's schedules name it
        "PREFECT_HOME": str(house.prefect),
        "PREFECT_API_URL": f"{house.url}/api",
        "PREFECT_API_AUTH_STRING": keys.read(house.auth),
        "PREFECT_API_SSL_CERT_FILE": str(_authority(house)),
        "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "true",
        "PREFECT_LOCAL_STORAGE_PATH": str(house.prefect / "storage"),
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        **QUIET,
    }


def _authority(house: House) -> Path:
    """A file with a single certificate authority. The house's API has no TLS, but each client makes itself a context for it.

    With all 118 of `certifi` that takes 12 ms, and a run has ten clients: it was a third of all that a run computed.
    """
    path = house.prefect / "authority.pem"
    if not path.exists():
        import certifi

        first, end, _ = certifi.contents().partition(END_OF_CERTIFICATE)
        write_whole(path, first + end)
    return path


def child_environment(house: House) -> dict[str, str]:
    """For the worker, the keeper and all runs."""
    return {**client_environment(house), **CHILD}


def server_environment(house: House) -> dict[str, str]:
    """For the server alone: only it holds the key that opens the block secrets."""
    return {
        **child_environment(house),
        "PREFECT_SERVER_API_HOST": ADDRESS,
        "PREFECT_SERVER_API_PORT": str(house.port),
        "PREFECT_SERVER_API_AUTH_STRING": keys.read(house.auth),
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": house.url,
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_ENCRYPTION_KEY": keys.read(house.encryption_key),
        "PREFECT_SERVER_UI_API_URL": f"{house.url}/api",
        # slots of a concurrency limit survive a restart of the server
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    }


def inherited(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` without Prefect's settings: a stray PREFECT_API_KEY or PREFECT_PROFILE leads to another server."""
    return {name: value for name, value in environ.items() if not name.startswith("PREFECT_")}


def exports(house: House, environ: Mapping[str, str]) -> str:
    """Shell lines after which plain `prefect` commands reach this house; for `eval "$(midwatch env)"`."""
    wanted = client_environment(house)
    stray = sorted(name for name in environ if name.startswith("PREFECT_") and name not in wanted)
    return "\n".join(
        [f"unset {name}" for name in stray] + [f"export {name}={shlex.quote(value)}" for name, value in wanted.items()]
    )


def adopt(house: House) -> None:
    """Make this process a client of the house. Call it before Prefect's client is used; it is imported later."""
    ours = {**inherited(os.environ), **client_environment(house)}
    for name in set(os.environ) - set(ours):
        del os.environ[name]
    os.environ.update(ours)
    if "prefect.context" in sys.modules:
        from prefect.context import refresh_global_settings_context

        refresh_global_settings_context()
