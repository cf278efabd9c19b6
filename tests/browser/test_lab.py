"""JupyterLab, as a student has it: "Run All", then a slider and a stepper are moved."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from tests.browser.conftest import Page
from tests.notebook_files import ROOT

pytestmark = pytest.mark.browser


@pytest.fixture(scope='module')
def lab(tmp_path_factory):
    """The address of a JupyterLab with a copy of the notebooks, and its token."""
    folder = tmp_path_factory.mktemp('lab')
    shutil.copytree(ROOT / 'notebooks', folder / 'notebooks', ignore=shutil.ignore_patterns('.ipynb_checkpoints'))
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'JUPYTER_CONFIG_DIR': str(folder / 'config'),
                   'JUPYTERLAB_SETTINGS_DIR': str(folder / 'settings'),
                   'JUPYTERLAB_WORKSPACES_DIR': str(folder / 'spaces')}
    with open(folder / 'lab.log', 'w') as log:
        server = subprocess.Popen(
            [sys.executable, '-m', 'jupyterlab', '--no-browser', '--allow-root', f'--port={port}',
             f'--IdentityProvider.token={token}', '--LabApp.news_url=',
             '--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate', folder / 'notebooks'], env=environment, stdout=log, stderr=log)
    address = f'http://127.0.0.1:{port}'
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f'{address}/api/status?token={token}', timeout=5)
            break
        except OSError:
            assert server.poll() is None and time.monotonic() < deadline, (folder / 'lab.log').read_text()
            time.sleep(0.3)
    yield address, token
    server.terminate()
    server.wait(20)


def wait(browser, script, seconds=120, *args):
    """Waits until a script returns something true, and returns it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = browser.execute_script(script, *args)
        if answer:
            return answer
        time.sleep(0.2)
    raise AssertionError(f'waited {seconds} s for: {script}')


ITEM = '''return [...document.querySelectorAll(arguments[0])].find(
    each => each.textContent.trim().startsWith(arguments[1]) && each.offsetParent)'''


def run_all(browser, lab, name):
    """Opens a notebook in a workspace of its own, runs all of it, and waits for its last cell."""
    address, token = lab
    browser.get(f'{address}/lab/workspaces/{secrets.token_hex(4)}/tree/{name}?token={token}')
    wait(browser, 'return document.querySelectorAll(".jp-CodeCell").length > 3')
    wait(browser, 'return document.querySelector(".jp-Notebook-ExecutionIndicator[data-status=idle]")')
    for entry in ('.lm-MenuBar-item', 'Run'), ('.lm-Menu-item', 'Run All Cells'):
        wait(browser, ITEM, 30, *entry).click()
    wait(browser, 'return document.querySelector(".jp-Notebook-ExecutionIndicator[data-status=busy]")', 30)
    wait(browser, 'return document.querySelector(".jp-Notebook-ExecutionIndicator[data-status=idle]")')


def live_stepper(browser, kind):
    """Scrolls to the first stepper of a kind that the kernel has just made."""
    script = '''const found = document.querySelector(`.nico-stepper[data-stepper="${arguments[0]}"]`);
        if (found) found.scrollIntoView({block: "center"}); else {
            const pane = document.querySelector(".jp-WindowedPanel-outer, .jp-Notebook");
            pane.scrollTop = (pane.scrollTop + 500) % (pane.scrollHeight - 100); }
        return found'''
    return Page(browser, wait(browser, script, 60, kind))


def press_with_keyboard(page, key):
    page.browser.execute_script('arguments[0].focus()', page.root)
    page.root.send_keys(key)


@pytest.mark.parametrize('name', ['02_filtering', '04_stride_padding_and_shapes'])
def test_run_all_then_step(browser, lab, name):
    run_all(browser, lab, f'{name}.ipynb')
    page = live_stepper(browser, 'convolution')
    before, first = page.text(), page.numbers('output')
    selected = '''return [...document.querySelectorAll(".jp-Cell")].findIndex(
        cell => cell.classList.contains("jp-mod-active"))'''
    press_with_keyboard(page, '\ue015')     # arrow down
    active = browser.execute_script(selected)
    assert page.text() != before and page.text('.where') == 'output (row 1, column 0):'
    press_with_keyboard(page, '\ue014')     # arrow right
    assert page.text('.where') == 'output (row 1, column 1):'
    assert browser.execute_script(selected) == active, 'the arrow key moved the stepper, not the notebook'
    if name.startswith('04'):               # 02 leaves the sliders out
        page.set('stride', 2)
        assert page.numbers('output') != first
        assert page.text('.where') == 'output (row 1, column 1):'


def test_a_slider_redraws_its_picture(browser, lab):
    run_all(browser, lab, '02_filtering.ipynb')
    script = '''const slider = document.querySelector(".jp-OutputArea .widget-slider .noUi-handle");
        if (slider) slider.scrollIntoView({block: "center"}); else {
            const pane = document.querySelector(".jp-WindowedPanel-outer, .jp-Notebook");
            pane.scrollTop = (pane.scrollTop + 500) % (pane.scrollHeight - 100); }
        return slider'''
    slider = wait(browser, script, 60)
    picture = '''const area = arguments[0].closest(".jp-OutputArea"); const images = area.querySelectorAll("img");
        return images.length && images[images.length - 1].src'''
    before = wait(browser, picture, 30, slider)
    readout = 'return arguments[0].closest(".widget-slider").querySelector(".widget-readout").textContent'
    shown = browser.execute_script(readout, slider)
    browser.execute_script('arguments[0].focus()', slider)
    slider.send_keys('\ue014')              # arrow right
    assert wait(browser, f'{picture} !== arguments[1]', 30, slider, before)
    assert browser.execute_script(readout, slider) != shown
    count = 'return arguments[0].closest(".jp-OutputArea").querySelectorAll("img").length'
    assert browser.execute_script(count, slider) == 1, 'the picture is redrawn, not added'
