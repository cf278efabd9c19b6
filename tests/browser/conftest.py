"""A headless Chromium, and steppers on a page of their own in it."""

import shutil

import pytest

selenium = pytest.importorskip('selenium', reason='the browser tests need selenium')

from selenium import webdriver  # NOQA: E402
from selenium.webdriver.chrome.service import Service  # NOQA: E402
from selenium.webdriver.common.by import By  # NOQA: E402


def found(*names):
    return next((path for path in map(shutil.which, names) if path), None)


@pytest.fixture(scope='session')
def browser(tmp_path_factory):
    chromium, driver = found('chromium', 'chromium-browser', 'google-chrome'), found('chromedriver')
    if not (chromium and driver):
        pytest.fail('the browser tests need Chromium and its driver: apt install chromium chromium-driver')
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in ('headless', 'no-sandbox', 'disable-gpu', 'disable-dev-shm-usage', 'disable-background-networking',
                 'disable-component-update', 'disable-sync', 'window-size=1300,1000',
                 f'user-data-dir={tmp_path_factory.mktemp("profile")}'):
        options.add_argument(f'--{flag}')
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
    opened = webdriver.Chrome(options=options, service=Service(driver))
    yield opened
    opened.quit()


@pytest.fixture
def show(browser, tmp_path):
    """Opens a stepper without a kernel, and returns its Page; no error may reach the console."""
    browser.get('about:blank')
    browser.get_log('browser')      # forgets what earlier pages left in it
    def open_page(stepper):
        path = tmp_path / 'stepper.html'
        path.write_text(stepper.to_html(), encoding='utf-8')
        browser.get(path.as_uri())
        return Page(browser)
    yield open_page
    assert not [entry['message'] for entry in browser.get_log('browser') if entry['level'] == 'SEVERE']


class Page:
    """Reads numbers off a stepper, and works its controls."""

    def __init__(self, browser, root=None):
        self.browser = browser
        self.root = root or browser.find_element(By.CSS_SELECTOR, '.nico-stepper')

    def run(self, script, *args):
        return self.browser.execute_script(f'const root = arguments[0]; {script}', self.root, *args)

    def numbers(self, grid):
        """The numbers written into a grid, as {(row, column): text}."""
        cells = self.run('return [...root.querySelectorAll(`[data-grid="${arguments[1]}"] text[data-at]`)]'
                         '.map(text => [text.dataset.at, text.textContent])', grid)
        return {tuple(map(int, at.split(','))): text.replace('∞', 'inf') for at, text in cells}

    def boxes(self, grid, kind):
        """The rectangles of a kind, as [(top, left, height, width), ...]."""
        boxes = self.run('return [...root.querySelectorAll(`[data-grid="${arguments[1]}"] .${arguments[2]}`)]'
                         '.map(each => each.dataset.box ?? each.dataset.at)', grid, kind)
        return [tuple(map(int, box.split(','))) for box in boxes]

    def text(self, selector='.arithmetic'):
        return self.run('return root.querySelector(arguments[1]).innerText', selector)

    def texts(self, selector):
        return self.run('return [...root.querySelectorAll(arguments[1])].map(each => each.textContent)', selector)

    def set(self, label, value):
        """Moves a slider, chooses from a menu, or ticks a box."""
        self.run('''const control = [...root.querySelectorAll('input, select')].find(each => each.ariaLabel === arguments[1]);
            if (control.type === 'checkbox') control.checked = arguments[2]; else control.value = arguments[2];
            for (const kind of ['input', 'change']) control.dispatchEvent(new Event(kind, {bubbles: true}));''', label, value)

    def press(self, key):
        """Presses a key inside the stepper; returns the milliseconds until it has answered."""
        return self.run('''const before = performance.now();
            root.dispatchEvent(new KeyboardEvent('keydown', {key: arguments[1], bubbles: true, cancelable: true}));
            root.getBoundingClientRect();
            return performance.now() - before;''', key)

    def point(self, grid, row, column, kind='pointermove'):
        """Moves the pointer over a pixel, or clicks it."""
        self.run('''const overlay = root.querySelector(`[data-grid="${arguments[1]}"] svg`), box = overlay.getBoundingClientRect();
            const canvas = overlay.previousElementSibling, cell = box.width / canvas.width;
            const border = arguments[5], at = n => (n + border + 0.5) * cell;
            overlay.dispatchEvent(new PointerEvent(arguments[4], {bubbles: true,
                clientX: box.left + at(arguments[3]), clientY: box.top + at(arguments[2])}));''',
                 grid, row, column, kind, getattr(self, 'border', 0))
