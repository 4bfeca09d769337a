"""A real Chromium before a real house: Prefect's two user interfaces, used as a person uses them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from selenium.common.exceptions import StaleElementReferenceException, TimeoutException, WebDriverException
from selenium.webdriver import ActionChains, Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

PATIENCE = 120.0
"""Seconds until a page that does not show what it should is called wrong."""
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome") or ""
CHROMEDRIVER = shutil.which("chromedriver") or ""
MISSING = "" if CHROMIUM and CHROMEDRIVER else "no Chromium with its chromedriver on this machine (chromium-driver)"
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # only pages of this machine are opened, and root has no other way
    "--disable-gpu",
    "--disable-3d-apis",  # the run graph, drawn by the processor, would take seconds of every click
    "--force-prefers-reduced-motion",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # no page can reach anything beyond this machine
)


@contextmanager
def chromium(profile: Path) -> Iterator[Chrome]:
    """A browser that nobody has used before."""
    options = ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    driver = Chrome(options=options, service=Service(CHROMEDRIVER))
    try:
        driver.set_page_load_timeout(PATIENCE)
        driver.set_script_timeout(PATIENCE)
        size(driver, width=1100, height=1000)
        yield driver
    finally:
        driver.quit()


def size(driver: Chrome, *, width: int, height: int) -> None:
    """Make the window so large, inside."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


@dataclass(frozen=True)
class Page:
    """What is on the screen."""

    driver: Chrome

    def see(self, xpath: str) -> WebElement:
        """The first visible element, as soon as there is one."""
        waiting = WebDriverWait(self.driver, PATIENCE)
        return waiting.until(lambda _: self.seen(xpath) or False, f"never saw {xpath}")

    def seen(self, xpath: str) -> WebElement | None:
        try:
            return next((each for each in self.driver.find_elements(By.XPATH, xpath) if each.is_displayed()), None)
        except StaleElementReferenceException:
            return None

    def click(self, xpath: str) -> None:
        """Click as soon as it can be clicked: pages draw themselves anew, and things move."""
        WebDriverWait(self.driver, PATIENCE).until(lambda _: self._clicked(xpath), f"could not click {xpath}")

    def _clicked(self, xpath: str) -> bool:
        try:
            element = self.seen(xpath)
            if element is not None:
                element.click()
        except WebDriverException:
            return False
        return element is not None

    def fill(self, xpath: str, text: str) -> None:
        """Replace what stands in a field, as a person who selects it all, pastes, and looks whether it stands there."""

        def stands(_: object) -> bool:
            self.click(xpath)
            ActionChains(self.driver).key_down(Keys.CONTROL).send_keys("a").key_up(Keys.CONTROL).perform()
            self.driver.execute_cdp_cmd("Input.insertText", {"text": text})
            field = self.see(xpath)
            written = field.get_property("value") or field.get_property("textContent")
            return "".join(str(written).split()) == "".join(text.split())

        WebDriverWait(self.driver, PATIENCE).until(stands, f"could not fill in {xpath}")

    def send(self, form: str, button: str) -> None:
        """Click until the form goes: Prefect on SQLite answers 503 now and then, and its pages don't try again."""

        def went(_: object) -> bool:
            self._clicked(button)
            return self._gone(form, 10)

        try:
            WebDriverWait(self.driver, PATIENCE).until(went)
        except TimeoutException:
            raise AssertionError(f"the form stays: {self.see('//body').text}") from None

    def _gone(self, xpath: str, seconds: float) -> bool:
        try:
            return WebDriverWait(self.driver, seconds).until(lambda _: self.seen(xpath) is None)
        except TimeoutException:
            return False


class NewUi(Page):
    """The one that Prefect opens by itself."""

    form = "//*[@role='dialog']"

    def log_in(self, password: str) -> None:
        self.see("//input[@type='password']").send_keys(password, Keys.ENTER)
        self.see("//a[.='Runs']")

    def open_form(self, run: str) -> WebElement:
        self.click("//a[.='Runs']")
        self.click(f"//a[.='{run}']")
        self.click("//button[.='Open menu']")
        self.click("//*[@role='menuitem'][.='Resume']")
        self.see(f"{self.form}//label[starts-with(., 'Reason')]")
        self.see(f"{self.form}//*[contains(text(), 'So far:')]")  # the end of the request, which is drawn by itself
        return self.see(self.form)

    def choose(self, option: str, *, of: str = "1 · ") -> None:
        """Of the field whose label begins so."""
        field = f"({self._below(of)}button[@aria-haspopup='listbox'])[1]"
        self.click(field)
        self.click(f"//*[@role='option'][.='{option}']")
        self.see(f"{field}[.='{option}']")

    def write(self, text: str, *, into: str) -> None:
        """Into the field whose label begins so."""
        self._fill_in(f"({self._below(into)}textarea)[1]", text)

    def number(self, digits: str, *, into: str) -> None:
        self._fill_in(f"({self._below(into)}input)[1]", digits)

    def code(self, text: str, *, into: str) -> None:
        self._fill_in(f"({self._below(into)}*[contains(@class, 'cm-content')])[1]", text)

    def switch(self, label: str) -> None:
        """On, if it is off."""
        button = f"({self._below(label)}button[@role='switch'])[1]"

        def on(_: object) -> bool:
            if self.see(button).get_attribute("aria-checked") == "true":
                return True
            self._clicked(button)
            return False

        WebDriverWait(self.driver, PATIENCE).until(on, f"could not switch {label} on")

    def _fill_in(self, xpath: str, text: str) -> None:
        """Until it stands there: a page that draws itself anew forgets what was being typed."""

        def stands(_: object) -> bool:
            self.fill(xpath, text)
            element = self.see(xpath)
            return text in (element.get_attribute("value"), element.text)

        WebDriverWait(self.driver, PATIENCE).until(stands, f"could not write into {xpath}")

    def explain(self, reason: str) -> None:
        self.write(reason, into="Reason")

    def _below(self, label: str) -> str:
        return f"{self.form}//label[starts-with(., '{label}')]/following::"

    def submit(self) -> None:
        self.send(self.form, f"{self.form}//button[.='Resume']")


class RunForm(NewUi):
    """The page on which a deployment is started with parameters of one's own."""

    form = "//form"

    def kind(self, kind: str, *, of: str) -> None:
        """Which of its kinds a parameter is to be."""
        tab = f"({self._below(of)}button[@role='tab'][.='{kind}'])[1]"
        self.click(tab)
        self.see(f"{tab}[@aria-selected='true']")

    def choices(self, *, of: str) -> list[str]:
        """What there is to choose from."""
        self.click(f"({self._below(of)}button[@aria-haspopup='listbox'])[1]")
        self.see("//*[@role='option']")
        found = [one.text for one in self.driver.find_elements(By.XPATH, "//*[@role='option']")]
        ActionChains(self.driver).send_keys(Keys.ESCAPE).perform()
        return found

    def submit(self) -> None:
        self.send(self.form, f"{self.form}//button[.='Submit']")
