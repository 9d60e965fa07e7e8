"""A reader opens a notebook in JupyterLab and sees what was promised; one of them is run there.

tests/test_notebooks.py runs each and compares it with what is committed, and that is seen here.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SLIDERS = "what-if.ipynb"
WHAT_IF = 'import analysis as sa\nsa.audit("publications").what_if()'
RUN_HERE = "02-is-engagement-really-controlled"
pytestmark = [pytest.mark.browser, pytest.mark.timeout(480)]

# By what it is, not `shell.currentWidget`: what comes to the front while the page settles is not
# always the notebook.
SHOWN = "[...(window.jupyterapp?.shell?.widgets('main') ?? [])]"
WIDGET = f"{SHOWN}.find(w => w.context?.path?.endsWith('.ipynb'))"
IDLE = f"() => {WIDGET}?.sessionContext?.session?.kernel?.status === 'idle'"
# A promise of a command that is awaited by evaluate() may never return: start it, and look at the
# notebook's model.
RUN = f"""() => {{
  window.jupyterapp.shell.activateById({WIDGET}.id);
  window.jupyterapp.commands.execute('notebook:run-all-cells').then(() => {{ window.ran = true; }});
}}"""
DONE = f"""() => {{
  const cells = {WIDGET}.content.widgets.filter(
    w => w.model.type === 'code' && w.model.sharedModel.source.trim());
  const failed = cells.some(w => w.model.outputs.toJSON().some(o => o.output_type === 'error'));
  return failed || (window.ran && cells.every(
    w => w.model.executionCount !== null && w.prompt !== '*'));
}}"""
OUTPUTS = (
    f"() => {WIDGET}.content.widgets.flatMap(w => w.model.type === 'code' ?"
    " w.model.outputs.toJSON() : [])"
)
# Only cells in view are in the page, so each cell is scrolled to before its images are read.
# JupyterLab scrolls of its own accord after a run, and rejects the other's wish when two meet: then
# we ask again.
IMAGES = f"""async () => {{
  const panel = {WIDGET}, seen = new Map();
  for (let at = 0; at < panel.content.widgets.length; at++) {{
    await panel.content.scrollToItem(at).catch(() => panel.content.scrollToItem(at));
    await new Promise(resolve => setTimeout(resolve, 60));
    for (const image of panel.node.querySelectorAll('.jp-OutputArea img'))
      seen.set(image.src.slice(-200), {{alt: image.alt, width: image.naturalWidth}});
  }}
  return [...seen.values()];
}}"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url, server, log, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert server.poll() is None, f"JupyterLab ended\n{log.read_text()}"
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(f"JupyterLab did not answer\n{log.read_text()}")


@pytest.fixture(scope="module")
def lab(chromium, tmp_path_factory):
    """The address of a JupyterLab of its own on copies of the notebooks; its whole process group
    ends with the test.
    """
    folder, own = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("jupyter")
    for path in NOTEBOOKS:
        shutil.copy(path, folder)
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cells = [nbformat.v4.new_code_cell(WHAT_IF)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / SLIDERS)
    settings = own / "settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    places = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "run",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    }
    environment = {**os.environ, **{name: str(own / place) for name, place in places.items()}}
    # what is not trusted is shown without its HTML, which holds the descriptions
    trust = [sys.executable, "-m", "jupyter", "trust", *map(str, folder.glob("*.ipynb"))]
    subprocess.run(trust, env=environment, check=True, capture_output=True)
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "jupyter",
        "lab",
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        "--IdentityProvider.token=t",
        "--LabApp.news_url=",
        f"--ServerApp.root_dir={folder}",
        "--expose-app-in-browser",
        "--LabApp.extension_manager=readonly",
        "--KernelManager.transport_encryption=auto",
    ]
    log = own / "log"
    with log.open("w") as sink:
        server = subprocess.Popen(
            command, env=environment, stdout=sink, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/api/status?token=t", server, log)
        yield f"http://127.0.0.1:{port}/lab/tree/{{name}}?token=t&reset"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_seen_in_jupyterlab(path, lab, watched, tmp_path):
    page = watched(1400)
    page.goto(lab.format(name=path.name))
    page.wait_for_function(IDLE, timeout=120_000)
    if path.stem == RUN_HERE:
        page.evaluate(RUN)
        page.wait_for_function(DONE, timeout=300_000)
    errors = [output for output in page.evaluate(OUTPUTS) if output["output_type"] == "error"]
    assert [f"{error['ename']}: {error['evalue']}" for error in errors] == []
    assert page.evaluate(OUTPUTS)
    images = page.evaluate(IMAGES)
    assert images, "no figure was seen"
    assert all(image["alt"] and image["width"] > 0 for image in images)
    page.screenshot(path=tmp_path / "notebook.png")
    assert page.complaints == []
    here = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")
    assert [url for url in page.asked if not url.startswith(here)] == []


def test_the_what_if_moves_by_keyboard_in_jupyterlab(lab, watched):
    page = watched(1400)
    page.goto(lab.format(name=SLIDERS))
    page.wait_for_function(IDLE, timeout=120_000)
    page.evaluate(RUN)
    page.wait_for_function(DONE, timeout=300_000)
    frame = page.frame_locator(".jp-OutputArea iframe")
    said = frame.locator(".what-if .says strong")
    said.wait_for()
    stored = json.loads(frame.locator(".what-if script").text_content())
    before = said.text_content()
    frame.locator(".what-if input").first.focus()
    for _ in stored["sizes"]:
        page.keyboard.press("ArrowRight")
    row = stored["start"][2] * len(stored["levels"]) + stored["start"][1]
    last = stored["grid"][(row + 1) * len(stored["sizes"]) - 1]
    assert said.text_content() == stored["words"][last] != before
    assert page.complaints == []
    here = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:", "about:")
    assert [url for url in page.asked if not url.startswith(here)] == []
