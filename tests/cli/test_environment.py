"""The environment in which Prefect runs: safe, complete, and known to the Prefect that is installed."""

from __future__ import annotations

import os
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import pytest
from prefect.context import refresh_global_settings_context

from cli import keys
from cli.environment import adopt, child_environment, client_environment, exports, inherited, server_environment
from cli.home import House
from midwatch.errors import HouseError

BESIDE_THE_SETTINGS = {"PREFECT_SERVER_ENCRYPTION_KEY"}
"""Prefect reads it with `os.getenv`."""


@pytest.fixture
def lived_in(house: House) -> House:
    keys.kept(house.auth, lambda: "midwatch:it's a $ecret")
    keys.kept(house.encryption_key, keys.new_encryption_key)
    return house


@pytest.fixture
def own_environ() -> Iterator[None]:
    """The test may change `os.environ` and Prefect's settings as it likes."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
    refresh_global_settings_context()


def test_prefect_knows_every_setting_that_the_house_makes(lived_in: House) -> None:
    from prefect.settings import Settings
    from prefect.settings.legacy import _get_valid_setting_names

    ours = {name for name in server_environment(lived_in) if name.startswith("PREFECT_")}
    assert ours - _get_valid_setting_names(Settings) - BESIDE_THE_SETTINGS == set()


def test_prefect_reads_them_as_they_are_meant(lived_in: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.settings import Settings

    for name, value in server_environment(lived_in).items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.server.api.csrf_protection_enabled
    assert settings.server.api.cors_allowed_origins == lived_in.url
    assert (settings.server.api.host, settings.worker.webserver.host) == ("127.0.0.1", "127.0.0.1")
    assert not settings.server.analytics_enabled
    assert not settings.cloud.enable_orchestration_telemetry
    assert not settings.server.ephemeral.enabled
    assert settings.home == lived_in.prefect


def test_prefects_own_analytics_are_off(lived_in: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect._internal.analytics.enabled import is_telemetry_enabled

    for name in ("CI", "DO_NOT_TRACK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DO_NOT_TRACK", client_environment(lived_in)["DO_NOT_TRACK"])
    assert not is_telemetry_enabled()


def test_only_the_server_gets_the_encryption_key(lived_in: House) -> None:
    key = keys.read(lived_in.encryption_key)
    assert key in server_environment(lived_in).values()
    assert key not in child_environment(lived_in).values()


def test_settings_of_another_prefect_are_not_inherited() -> None:
    stray = {"PREFECT_API_KEY": "x", "PREFECT_PROFILE": "cloud", "PATH": "/bin"}
    assert inherited(stray) == {"PATH": "/bin"}


def test_what_env_prints_gives_a_shell_exactly_the_clients_environment(lived_in: House) -> None:
    script = exports(lived_in, {"PREFECT_API_KEY": "x"}) + '\ntest -z "${PREFECT_API_KEY+set}" && env -0'
    shell = {"PREFECT_API_KEY": "x", "PATH": os.environ["PATH"]}
    seen = subprocess.run(["sh", "-c", script], env=shell, capture_output=True, text=True, check=True).stdout
    pairs = dict(line.split("=", 1) for line in seen.split("\0") if line)
    assert client_environment(lived_in).items() <= pairs.items()


@pytest.mark.usefixtures("own_environ")
def test_a_process_that_adopts_a_house_is_its_client_and_nobody_elses(lived_in: House) -> None:
    from prefect.settings import get_current_settings

    os.environ["PREFECT_API_KEY"] = "x"
    adopt(lived_in)
    assert "PREFECT_API_KEY" not in os.environ
    assert get_current_settings().api.url == f"{lived_in.url}/api"


def test_a_client_of_an_api_without_tls_reads_one_authority_and_not_all_there_are(lived_in: House) -> None:
    for _ in range(2):
        context = ssl.create_default_context(cafile=client_environment(lived_in)["PREFECT_API_SSL_CERT_FILE"])
        assert context.cert_store_stats()["x509_ca"] == 1


def test_a_house_that_was_never_started_says_what_to_do(house: House) -> None:
    with pytest.raises(HouseError, match="run `midwatch up` first"):
        client_environment(replace(house, port=None))
