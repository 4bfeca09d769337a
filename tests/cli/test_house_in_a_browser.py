"""The house as a real browser sees it: the UI opens with the password, and a page of another origin gets nothing."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions as expected
from selenium.webdriver.support.ui import WebDriverWait

from cli import keys

if TYPE_CHECKING:
    from tests.conftest import PrefectHouse

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (shutil.which("chromium") and shutil.which("chromedriver")), reason="no Chromium with its driver here"
    ),
]

ASK = """
const [url, authorization, done] = arguments;
const headers = authorization ? {Authorization: authorization} : {};
fetch(url, {headers, credentials: 'include'}).then(r => done('read ' + r.status), e => done('refused ' + e.name));
"""


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for word in ("headless=new", "no-sandbox", "disable-dev-shm-usage", f"user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(f"--{word}")
    driver = Chrome(options=options, service=ChromeService(shutil.which("chromedriver")))
    yield driver
    driver.quit()


@pytest.fixture
def strange_page(tmp_path: Path) -> Iterator[str]:
    """The address of a page that another program on this machine serves."""
    (tmp_path / "index.html").write_text("<title>strange</title>")
    handler = type("Handler", (SimpleHTTPRequestHandler,), {"directory": str(tmp_path), "log_message": lambda *_: None})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/index.html"
        server.shutdown()
        thread.join()


def test_the_ui_opens_with_the_whole_line_of_the_password_file(prefect_house: PrefectHouse, browser: Chrome) -> None:
    browser.get(prefect_house.house.url)
    wait = WebDriverWait(browser, 30)
    field = wait.until(expected.presence_of_element_located((By.CSS_SELECTOR, "input[type=password]")))
    field.send_keys(keys.read(prefect_house.house.auth) + "\n")
    wait.until(expected.url_contains("/dashboard"))
    wait.until(expected.invisibility_of_element_located((By.CSS_SELECTOR, "input[type=password]")))


def test_a_page_of_another_origin_can_read_nothing(
    prefect_house: PrefectHouse, browser: Chrome, strange_page: str
) -> None:
    health = f"{prefect_house.api_url}/health"
    browser.get(prefect_house.house.url)
    assert browser.execute_async_script(ASK, health, None) == "read 200"
    browser.get(strange_page)
    for path in ("/health", "/admin/version", "/csrf-token?client=strange"):
        for authorization in (None, "Basic bWlkd2F0Y2g6Z3Vlc3M="):
            seen = browser.execute_async_script(ASK, f"{prefect_house.api_url}{path}", authorization)
            assert seen == "refused TypeError"
