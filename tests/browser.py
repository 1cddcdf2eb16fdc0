"""A real browser on JupyterLab or Voila, for the tests that do what a person does.

    def test_something(lab):
        page = lab.open("00_first_picture.ipynb")   # in a folder of its own, with a kernel of its own
        page.run_all()
        page.locator(".nst-panel").first.wait_for()

The browser is Playwright's own or the system's Chromium. Where there is none, all of this skips and says why.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from alone import ROOT

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
START_SECONDS = 180
CELL_MS = 60_000
TOKEN = "t"
SCROLLS = ".jp-WindowedPanel-outer, .jp-Notebook:not(:has(.jp-WindowedPanel-outer))"  # in JupyterLab 4, and in 3
CONNECTED = """() => {
  const kernel = window.jupyterapp?.shell.currentWidget?.context?.sessionContext?.session?.kernel;
  return kernel?.connectionStatus === "connected" && kernel.status === "idle";
}"""
MUST = "NSTLIB_TESTS_BROWSER"  # set where a missing browser is a failure, not a reason to skip


def missing(reason: str) -> None:
    """Skip; or fail, where the browser tests must run."""
    (pytest.fail if os.environ.get(MUST) else pytest.skip)(reason)


def launch(playwright):
    """A browser without a window: Playwright's, or the system's."""
    options = {"args": ["--no-sandbox", "--disable-dev-shm-usage", "--font-render-hinting=none"]}
    found = next(filter(None, map(shutil.which, NAMES)), None)
    try:
        return playwright.chromium.launch(executable_path=found, **options)
    except Exception as error:
        first = str(error).splitlines()[0]
        missing(f"needs a browser, such as Debian's package chromium ({first})")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Server:
    """JupyterLab or Voila on a free port, in a folder; a context."""

    def __init__(self, folder: Path, command: list[str]):
        self.folder, self.port = folder, free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
        environment |= {
            "PYTHONPATH": str(ROOT),
            "XDG_CACHE_HOME": str(folder / ".cache"),
            "JUPYTER_CONFIG_DIR": str(folder / ".jupyter"),
            "JUPYTER_DATA_DIR": str(folder / ".data"),
            "JUPYTERLAB_SETTINGS_DIR": str(folder / ".settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(folder / ".workspaces"),
            "IPYTHONDIR": str(folder / ".ipython"),
        }
        self.log = (folder / ".log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", *command, f"--port={self.port}", "--no-browser"],
            cwd=folder,
            env=environment,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )

    def __enter__(self):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"{self.address}/{self.answers}", timeout=2).close()
                return self
            except urllib.error.HTTPError:  # an answer, too
                return self
            except OSError:
                time.sleep(0.2)
        pytest.fail(f"no answer at {self.address}: {(self.folder / '.log').read_text()[-2000:]}")

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)  # its kernels too
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.log.close()

    answers = ""


class Lab(Server):
    """JupyterLab; `open` gives a page on a notebook."""

    answers = f"api/status?token={TOKEN}"

    def __init__(self, folder: Path, browser):
        self.browser, self.pages = browser, []
        settings = folder / ".settings" / "@jupyterlab" / "apputils-extension"
        settings.mkdir(parents=True)
        # No news, no questions: they would lie over what is tested.
        (settings / "notification.jupyterlab-settings").write_text(
            '{"checkForUpdates": false, "fetchNews": "false", "doNotDisturbMode": true}'
        )
        super().__init__(
            folder,
            [
                "jupyterlab",
                "--allow-root",
                f"--IdentityProvider.token={TOKEN}",
                "--ServerApp.open_browser=False",
                "--LabApp.news_url=",
                "--LabApp.expose_app_in_browser=True",
                "--KernelManager.shutdown_wait_time=1",
            ],
        )

    def open(self, notebook: str, *, place: str = "", width: int = 1280, height: int = 900, dark: bool = False) -> Page:
        """A page on a copy of a notebook of the course, or on one that lies in the folder already.

        place: where to in the folder, if not under its own name.
        """
        source, name = ROOT / "notebooks" / notebook, place or Path(notebook).name
        place = self.folder / name
        if not place.exists():
            shutil.copy(source, place)
        context = self.browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True)
        page = Page(context.new_page(), self)
        self.pages.append(page)
        if dark:
            theme = self.folder / ".settings" / "@jupyterlab" / "apputils-extension" / "themes.jupyterlab-settings"
            theme.write_text('{"theme": "JupyterLab Dark"}')
        # The form with one document and nothing beside it; a workspace of its own, so that no other tab comes back.
        page.goto(f"{self.address}/doc/workspaces/{len(self.pages)}/tree/{name}?token={TOKEN}")
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=CELL_MS)
        page.connected()
        return page


class Page:
    """A page of Playwright's, with what a person does in a notebook."""

    def __init__(self, page, server: Server):
        self.page, self.server = page, server
        self.calls: list[str] = []
        page.on("request", lambda request: self.calls.append(request.url))

    def __getattr__(self, name: str):
        return getattr(self.page, name)

    @property
    def outside(self) -> list[str]:
        """Addresses that were called beside those of the server itself."""
        own = re.compile(rf"(https?|wss?)://127\.0\.0\.1:{self.server.port}/|data:|blob:|about:")
        return [address for address in self.calls if not own.match(address)]

    def command(self, name: str) -> None:
        """Run one of JupyterLab's commands, as its menus do."""
        self.page.evaluate("name => window.jupyterapp.commands.execute(name)", name)

    def run_all(self) -> None:
        """Menu Run, Run All Cells; does not wait for their end."""
        self.page.locator(".lm-MenuBar-itemLabel", has_text=re.compile("^Run$")).click()
        self.page.locator(".lm-Menu-itemLabel", has_text=re.compile("^Run All Cells$")).click()

    def connected(self) -> None:
        """Wait for the kernel; what is run before that is lost."""
        self.page.wait_for_function(CONNECTED, timeout=CELL_MS)

    def idle(self, timeout: float = CELL_MS) -> None:
        """Wait until no cell runs."""
        self.page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=timeout)

    def interrupt(self) -> None:
        """The notebook's stop button."""
        self.page.locator("[data-command='notebook:interrupt-kernel'], [title*='Interrupt the kernel']").first.click()

    def restart(self) -> None:
        """Restart the kernel, and say yes."""
        self.page.locator("[title*='Restart the kernel']").first.click()
        self.page.locator(".jp-Dialog .jp-mod-accept").click()

    def shut_down(self) -> None:
        """End the kernel, as when the server ends."""
        self.command("kernelmenu:shutdown")
        self.page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=unknown]", timeout=CELL_MS)

    def width_beyond(self, selector: str) -> int:
        """Pixels by which something is wider than what it is seen through."""
        return self.page.eval_on_selector(selector, "one => one.scrollWidth - one.clientWidth")


class Voila(Server):
    """The studio under Voila, as its command starts it."""

    def __init__(self, folder: Path, browser, *arguments: str):
        self.browser = browser
        super().__init__(folder, ["nstlib", "studio", str(folder), "--voila", *arguments])

    answers = "static/"  # not the page itself, which would run the notebook

    def open(self, *, width: int = 1280, height: int = 900) -> Page:
        """A page, which runs the notebook."""
        context = self.browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True)
        page = Page(context.new_page(), self)
        page.goto(self.address, timeout=CELL_MS)
        return page


def studio_runs(page: Page) -> None:
    """Wait for the studio's page, and for its first forecast."""
    page.locator(".nst-studio .nst-easel img").wait_for(timeout=CELL_MS)
    page.wait_for_function("document.querySelector('.nst-forecast').innerText.includes('about')", timeout=CELL_MS)


# --- fixtures: import them where they are used -----------------------------------------------------


@pytest.fixture(scope="module")
def browser():
    """One for all tests of a module."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("needs playwright, which is not installed")
    with sync_playwright() as playwright:
        made = launch(playwright)
        yield made
        made.close()


@pytest.fixture(scope="module")
def lab(browser, tmp_path_factory):
    """JupyterLab in an empty folder, one for all tests of a module."""
    with Lab(tmp_path_factory.mktemp("lab"), browser) as server:
        yield server
        for page in server.pages:
            page.context.close()
