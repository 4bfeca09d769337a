"""Secrets on disk: made once, whole, and read only when nobody else could have read them."""

from __future__ import annotations

import os
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from cli import keys
from cli.home import House, furnish
from midwatch.errors import HouseError

NOBODY = 65534


@pytest.fixture
def public_house() -> Iterator[House]:
    """A house in a folder that every user of the machine can reach."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield House(project=Path(folder), home=Path(folder) / "home")


def test_a_secret_is_made_once_and_only_its_owner_can_read_it(house: House) -> None:
    secret = keys.kept(house.auth, keys.new_password)
    assert keys.kept(house.auth, keys.new_password) == secret
    assert stat.S_IMODE(house.auth.stat().st_mode) == 0o600
    assert stat.S_IMODE(house.home.stat().st_mode) == 0o700


def test_nothing_but_the_secret_is_left_in_the_folder(house: House) -> None:
    before = set(house.home.iterdir())
    keys.kept(house.auth, keys.new_password)
    assert set(house.home.iterdir()) - before == {house.auth}


def test_the_quicker_of_two_writers_wins(house: House) -> None:
    def slower() -> str:
        keys.kept(house.auth, lambda: "midwatch:quick")
        return "midwatch:slow"

    assert keys.kept(house.auth, slower) == "midwatch:quick"


def test_the_password_is_an_auth_string_of_prefect_with_192_random_bits() -> None:
    user, colon, password = keys.new_password().partition(":")
    assert (user, colon, len(password)) == ("midwatch", ":", 32)
    assert keys.new_password() != keys.new_password()


def test_the_encryption_key_is_a_valid_fernet_key() -> None:
    assert Fernet(keys.new_encryption_key()).encrypt(b"text")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_secret_that_others_could_read_is_refused(house: House, mode: int) -> None:
    keys.kept(house.auth, keys.new_password)
    house.auth.chmod(mode)
    with pytest.raises(HouseError, match=f"has mode {mode:o}: others can read it"):
        keys.read(house.auth)


def test_a_missing_an_empty_and_a_linked_secret_are_refused(house: House) -> None:
    with pytest.raises(HouseError, match="cannot be read"):
        keys.read(house.auth)
    house.encryption_key.touch(mode=0o600)
    with pytest.raises(HouseError, match="is empty"):
        keys.read(house.encryption_key)
    house.auth.symlink_to(house.encryption_key)
    with pytest.raises(HouseError, match="cannot be read"):
        keys.read(house.auth)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_can_read_neither_the_secrets_nor_the_folder(public_house: House) -> None:
    furnish(public_house)
    keys.kept(public_house.auth, keys.new_password)
    for command in (["cat", str(public_house.auth)], ["ls", str(public_house.home)]):
        seen = subprocess.run(command, user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True)
        assert (seen.returncode != 0, seen.stdout) == (True, b"")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_secret_or_a_folder_of_another_user_is_refused(house: House) -> None:
    keys.kept(house.auth, keys.new_password)
    os.chown(house.auth, NOBODY, NOBODY)
    with pytest.raises(HouseError, match="belongs to another user"):
        keys.read(house.auth)
    os.chown(house.logs, NOBODY, NOBODY)
    with pytest.raises(HouseError, match="belongs to another user"):
        furnish(house)
