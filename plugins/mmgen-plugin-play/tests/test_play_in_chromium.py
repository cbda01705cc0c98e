"""The page in a real browser: it comes from the loopback alone, and does what is asked of it."""

import asyncio
import contextlib
import http.client
import json
import shutil
import threading

import pytest

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
if CHROMIUM is None or DRIVER is None:
    pytest.skip("there is no chromium with chromedriver", allow_module_level=True)
webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")

from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

from mmgen_plugin_play import Playground  # noqa: E402
from mmgen_plugin_play.server import Server  # noqa: E402

PATIENCE = 120  # seconds, on a machine that is busy with other things
# Widgets live in shadow roots: everything that a page has, through all of them.
ALL = """
const found = [];
const look = root => {
  for (const e of root.querySelectorAll("*")) { found.push(e); if (e.shadowRoot) look(e.shadowRoot); }
};
look(document);
"""


@pytest.fixture(scope="module")
def address(run):
    """Of a server in a thread with a loop of its own."""
    made, ready = {}, threading.Event()

    def serve():
        asyncio.set_event_loop(asyncio.new_event_loop())
        made["server"] = server = Server(Playground(run, "all"))
        ready.set()
        server._server.start()
        server._server.io_loop.start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert ready.wait(PATIENCE)
    server = made["server"]
    yield server.address
    server._server.io_loop.add_callback(server._server.io_loop.stop)
    thread.join(PATIENCE)


@pytest.fixture(scope="module")
def browser(address):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.set_page_load_timeout(PATIENCE)
    driver.set_script_timeout(PATIENCE)
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 1400, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    )
    driver.get(address)
    until(driver, lambda: len(sentences(driver)) == 5)
    yield driver
    driver.quit()


def until(driver, holds):
    return WebDriverWait(driver, PATIENCE, poll_frequency=0.2).until(lambda _: holds())


def sentences(driver):
    """How sure the page says it is of each modality."""
    return driver.execute_script(
        ALL + "return found.filter(e => e.matches('.bk-panel-models-markup-HTML.sure, .sure'))"
        ".map(e => (e.shadowRoot || e).textContent.trim().split('}').at(-1).trim())"
    )


def pictures(driver):
    return driver.execute_script(ALL + "return found.filter(e => e.tagName === 'IMG').map(e => e.src.slice(-400))")


def test_everything_comes_from_this_machine(browser, address):
    asked = {
        message["params"]["request"]["url"]
        for message in (json.loads(entry["message"])["message"] for entry in browser.get_log("performance"))
        if message["method"] == "Network.requestWillBeSent"
    }
    outside = {url for url in asked if not url.startswith((address, "data:", "blob:", "chrome:", "about:"))}
    assert asked and not outside
    serious = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert [message for message in serious if "favicon" not in message] == []


def test_what_data_say_is_text_and_no_markup(browser):
    assert not browser.execute_script(
        ALL + "return found.some(e => e.tagName === 'IMG' && e.getAttribute('src') === 'x')"
    )
    options = browser.execute_script(ALL + "return found.filter(e => e.tagName === 'OPTION').map(e => e.textContent)")
    assert any("onerror" in option for option in options)


def test_switching_a_modality_off_changes_what_is_generated(browser):
    before = pictures(browser)
    assert len(before) >= 3
    boxes = "const boxes = found.filter(e => e.tagName === 'INPUT' && e.type === 'checkbox');"
    count = browser.execute_script(ALL + boxes + "boxes[0].click(); return boxes.length")
    assert count >= 2
    until(browser, lambda: len(pictures(browser)) == len(before) and pictures(browser) != before)


def test_a_click_on_the_map_takes_another_row(browser):
    chosen = "return found.find(e => e.tagName === 'SELECT').value"
    before = browser.execute_script(ALL + chosen)
    place = browser.execute_script(
        ALL + "const r = found.find(e => e.matches('.bk-Figure')).getBoundingClientRect();"
        "return [r.left + r.width * 0.25, r.top + r.height * 0.3]"
    )
    for kind in ("mousePressed", "mouseReleased"):
        at = {"type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1}
        browser.execute_cdp_cmd("Input.dispatchMouseEvent", at)
    until(browser, lambda: browser.execute_script(ALL + chosen) != before)
    assert len(sentences(browser)) == 5


@pytest.mark.parametrize("width", [360, 1400])
def test_the_page_is_no_wider_than_its_screen(browser, width):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    until(browser, lambda: browser.execute_script("return document.documentElement.scrollWidth") <= width)


@pytest.mark.parametrize(("origin", "status"), [(None, 101), ("http://evil.example", 403)])
def test_a_page_from_elsewhere_gets_no_connection(address, origin, status):
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=PATIENCE)
    connection.putrequest("GET", "/ws")
    for name, value in {
        "Origin": origin or address,
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }.items():
        connection.putheader(name, value)
    connection.endheaders()
    with contextlib.closing(connection), connection.getresponse() as answer:
        assert answer.status == status
