"""The page as a reader has it: in headless Chromium, from a file, without a network."""

import base64
import io
import shutil
import time

import numpy as np
import pytest
from PIL import Image

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
if not CHROMIUM or not DRIVER:
    pytest.skip("chromium and chromium-driver (Debian's packages) are not installed", allow_module_level=True)
webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")

from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import Select, WebDriverWait  # noqa: E402

PATIENCE = 120  # seconds, on a machine that is busy with other things


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1280,1000",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.set_page_load_timeout(PATIENCE)
    driver.set_script_timeout(PATIENCE)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def page(browser, pages):
    """The report of several runs, opened and drawn."""
    opened(browser, pages["grid"])
    return browser


def opened(browser, path):
    browser.get(path.as_uri())
    until(browser, lambda: browser.execute_script("return document.documentElement.dataset.ready") == "yes")


def until(browser, holds):
    return WebDriverWait(browser, PATIENCE, poll_frequency=0.1).until(lambda _: holds())


def shown(browser):
    """How many points the scatter draws."""
    return len(browser.find_elements(By.CSS_SELECTOR, "#scatter .scatterlayer .point"))


def screenshot(browser):
    return np.asarray(
        Image.open(io.BytesIO(base64.b64decode(browser.get_screenshot_as_base64()))).convert("L"), dtype=float
    )


def emulate(browser, width, scheme):
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )


def test_it_opens_without_an_error(page):
    assert page.get_log("browser") == []
    charts = page.find_elements(By.CSS_SELECTOR, ".chart")
    assert len(charts) >= 4
    assert all(chart.find_elements(By.CSS_SELECTOR, ".main-svg") for chart in charts)
    assert (
        page.execute_script(
            "return performance.getEntriesByType('resource').filter(e => !/^(data|blob):/.test(e.name)).length"
        )
        == 0
    )


def test_the_scatter_is_hovered(page):
    emulate(page, 1280, "light")
    plot = page.find_element(By.ID, "scatter")
    page.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", plot)
    time.sleep(0.5)
    ActionChains(page).move_to_element(plot.find_elements(By.CSS_SELECTOR, ".point")[0]).perform()
    until(page, lambda: page.find_elements(By.CSS_SELECTOR, "#scatter .hoverlayer .hovertext"))
    label = page.find_element(By.CSS_SELECTOR, "#scatter .hoverlayer .hovertext").text
    assert "diagnosis" in label and "given" in label and "row" in label


def test_the_scatter_is_filtered_and_coloured(page, example_runs):
    everything = shown(page)
    assert everything > 20
    status = page.find_element(By.ID, "scatter-status")
    given = Select(page.find_element(By.ID, "scatter-given"))
    given.select_by_visible_text("genes")
    until(page, lambda: 0 < shown(page) < everything)
    alone = shown(page)
    assert alone * 3 == everything, "genes, proteins and both have the same rows"
    assert status.text == f"{alone} of {everything} points shown"
    label = Select(page.find_element(By.ID, "scatter-label-0"))
    label.select_by_visible_text(example_runs.labels[1])  # the class that tries to be markup
    until(page, lambda: 0 < shown(page) < alone)
    assert not page.find_elements(By.CSS_SELECTOR, "img[src=x]")
    label.select_by_index(0)
    given.select_by_index(0)
    until(page, lambda: shown(page) == everything)
    before = page.find_element(By.CSS_SELECTOR, "#scatter .legend").text
    Select(page.find_element(By.ID, "scatter-colour")).select_by_visible_text("what is given")
    until(page, lambda: page.find_element(By.CSS_SELECTOR, "#scatter .legend").text != before)
    assert "all modalities" in page.find_element(By.CSS_SELECTOR, "#scatter .legend").text


def test_the_scatter_is_coloured_by_a_column(page):
    colour = Select(page.find_element(By.ID, "scatter-colour"))
    everything = shown(page)
    colour.select_by_visible_text("g1")
    until(page, lambda: page.find_elements(By.CSS_SELECTOR, "#scatter .colorbar"))
    assert page.execute_script("return document.getElementById('scatter').data[0].marker.color.length") == everything
    assert page.execute_script("return document.getElementById('scatter').data[0].text[0]").startswith("g1 ")
    groups = page.find_elements(By.CSS_SELECTOR, "#scatter-colour optgroup")
    assert [group.get_attribute("label") for group in groups] == ["genes", "proteins"]
    colour.select_by_index(0)
    until(page, lambda: not page.find_elements(By.CSS_SELECTOR, "#scatter .colorbar"))


def test_another_run_is_chosen(page):
    run = Select(page.find_element(By.ID, "scatter-run"))
    assert [option.text for option in run.options] == ["elbo, β 0.1 (b0.1-s0)", "elbo, β 1 (b1-s0)"]
    read = "return document.getElementById('scatter').data[0].x[0]"
    before = page.execute_script(read)
    run.select_by_index(1)
    until(page, lambda: page.execute_script(read) != before)


def test_another_number_along_beta_is_chosen(page):
    choice = Select(page.find_element(By.ID, "beta-choice"))
    read = "return document.getElementById('beta').layout.yaxis.title.text"
    before = page.execute_script(read)
    choice.select_by_index(len(choice.options) - 1)
    until(page, lambda: page.execute_script(read) != before)


def test_it_works_by_keyboard(page, pages):
    opened(page, pages["grid"])  # anew, so that the first key starts at the top
    page.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    assert page.switch_to.active_element.get_attribute("class") == "skip"
    assert page.switch_to.active_element.rect["x"] >= 0, "the skip link shows when it has the focus"
    plot = page.find_element(By.ID, "scatter")
    page.execute_script("arguments[0].focus()", plot)
    plot.send_keys(Keys.ARROW_RIGHT)
    until(page, lambda: "row" in page.find_element(By.ID, "scatter-status").text)
    first = page.find_element(By.ID, "scatter-status").text
    plot.send_keys(Keys.ARROW_RIGHT)
    until(page, lambda: page.find_element(By.ID, "scatter-status").text != first)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")])
def test_wide_narrow_light_and_dark(page, width, scheme):
    emulate(page, width, scheme)
    until(
        page,
        lambda: (
            page.execute_script("return document.getElementById('curve-0').querySelector('.main-svg').clientWidth")
            <= width
        ),
    )
    page.execute_script("scrollTo(0, 0)")
    time.sleep(0.5)
    assert page.execute_script("return document.documentElement.scrollWidth") <= width, (
        "nothing is wider than the window"
    )
    picture = screenshot(page)
    assert picture.shape[1] == width
    background = np.median(picture)
    assert background > 230 if scheme == "light" else background < 50
    assert np.abs(picture - background).max() > 150, "something is written on it"
    text = page.execute_script("return getComputedStyle(document.querySelector('#curve-0 .xtick text')).fill")
    lightness = sum(int(part) for part in text.removeprefix("rgb(").rstrip(")").split(",")) / 3
    assert lightness < 80 if scheme == "light" else lightness > 180, "the charts follow"


def test_it_is_printed(page):
    emulate(page, 1280, "dark")
    printed = base64.b64decode(
        page.execute_cdp_cmd("Page.printToPDF", {"printBackground": True, "preferCSSPageSize": True})["data"]
    )
    assert printed.startswith(b"%PDF") and len(printed) > 50_000
    until(page, lambda: page.execute_script("return !document.body.classList.contains('printing')"))
    assert page.get_log("browser") == []
