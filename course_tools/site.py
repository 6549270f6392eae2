"""Build the lessons as a static JupyterLite site: they run in the reader's browser, which asks nothing but
this site.

Fetches JupyterLite, Pyodide (Python for the browser) and the pure Python packages that the lessons import,
each in the version below, into a folder that it throws away; `--pyodide FOLDER` takes an unpacked Pyodide
instead of asking npm. There is no matplotlib among them: lesson_lib draws without. Live cells run in the
virtual world, with the real client (lesson_lib/lab/virtual). Where Node.js is here, the modules that a
lesson begins with are compiled, so that not every visit has to.

The front page leads to JupyterLite's pages for one notebook. Its JupyterLab would open again whatever was
open before, each with a kernel of its own, and several Pythons at once are slow.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat
from packaging.utils import canonicalize_name

from course_tools.command_line import make_folder
from course_tools.publish import incidents
from course_tools.publish.published import NOTEBOOKS, ROOT, TITLE, as_published, published_files
from course_tools.visit.pages import LOADER, PACKAGES, add_pages, begin_early
from lesson_lib.errors import LessonError
from lesson_lib.history.link import PAGE, SITE

LITE = ["jupyterlite-core==0.8.6", "jupyterlite-pyodide-kernel==0.8.6"]
PYODIDE, PYTHON = "314.0.6", "3.14"  # what that kernel was made for
WASM = "pyodide.asm.wasm"
LOCK = "pyodide-lock.json"
LITE_SETTINGS = "jupyter-lite.json"
PYODIDE_FILES = (LOADER, "pyodide.asm.mjs", WASM, "python_stdlib.zip", LOCK)
FETCHES_WASM = re.compile(rf'(\w+)\((\w+)\+"{re.escape(WASM)}"\)')
# The other name keeps hosts from saying that it's compressed, and browsers from unpacking it on the way.
FETCHES_PACKED = (rf'typeof DecompressionStream=="undefined"?\1(\2+"{WASM}"):'
                  rf'{{response:fetch(\2+"{WASM}.packed").then(packed=>packed.headers.has("Unpacked")?packed:'
                  'new Response(packed.body.pipeThrough(new DecompressionStream("gzip")),'
                  '{headers:{"Content-Type":"application/wasm"}}))}')
# The kernel asks once whether this page keeps files. While the browser still registers what keeps them, as on
# the second page of a visit, the answer was no, and a learner's answers were gone with the page.
ASKS_FOR_STORAGE = re.compile(r"!!\(\(null==(\w+)\?void 0:\1\.enabled\)\|\|crossOriginIsolated\)")
WAITS_FOR_STORAGE = (r"!!(crossOriginIsolated||\1&&navigator.serviceWorker&&"
                     r"await \1.ready.then(()=>true,()=>false))")
OPENS, COMPILE = (Path(__file__).with_name(name) for name in ("site_open.html", "compile_wheels.mjs"))
# In the browser the kernel is Pyodide's; these replace what needs a terminal or a server.
NEEDED = ["comm", "micropip", "ipython", f"ipywidgets=={version('ipywidgets')}",
          f"kafka-python=={version('kafka-python')}"]
NOT_THERE = {"pexpect", "ptyprocess", "widgetsnbextension", "jupyterlab-widgets", "crc32c", "matplotlib",
             "jupyterlab", "pyyaml", "psutil", "parso", "jedi", "prompt-toolkit", "wcwidth"}
# What a page with one notebook does without. Each checks its settings at every visit: 0.7 s together.
LEFT_OUT = [f"@jupyterlab/{name}" for name in (
    "audio-extension", "celltags-extension", "completer-extension:inline-completer",
    "completer-extension:inline-completer-factory", "completer-extension:inline-history", "console-extension",
    "fileeditor-extension", "logconsole-extension", "lsp-extension", "mermaid-extension",
    "metadataform-extension", "notebook-extension:active-cell-tool", "notebook-extension:code-console",
    "notebook-extension:language-server", "notebook-extension:log-output",
    "notebook-extension:metadata-editor", "video-extension")]
# What the kernel would install. jedi isn't there, five megabytes: IPython completes names without it.
ASKED_FOR = ["ipykernel", "comm", "pyodide-kernel", "jedi", "ipython", "micropip", "piplite"]
SETTINGS = {
    ".": {"appName": TITLE,
          "exposeAppInBrowser": True,  # to `site_open.html` and `visit/waiting.html`
          "litePluginSettings": {"@jupyterlite/pyodide-kernel-extension:kernel": {
              # Every package comes from this site and from nowhere else.
              "disablePyPIFallback": True, "loadPyodideOptions": {"packages": ASKED_FOR}}}},
    "notebooks": {"disabledExtensions": LEFT_OUT}}


def main(argv: list[str]) -> int:
    """Build the site into the folder given."""
    options = argparse.ArgumentParser("python -m lesson_lib site",
                                      description=(__doc__ or "").splitlines()[0])
    options.add_argument("folder", type=Path, nargs="?", default=ROOT / "build" / "site")
    options.add_argument("--pyodide", type=Path, help="an unpacked Pyodide, instead of fetching it with npm")
    options.add_argument("--address", default="", help="where the site will be: links to runs lead there "
                         "(default: to wherever they are made)")
    chosen = options.parse_args(argv)
    if chosen.pyodide is None and not shutil.which("npm"):
        raise LessonError("make site fetches Pyodide with npm, which is not here: install Node.js, or unpack "
                          f"Pyodide {PYODIDE} yourself and run: python -m lesson_lib site --pyodide FOLDER")
    make_folder(chosen.folder)
    if any(chosen.folder.iterdir()) and not (chosen.folder / LITE_SETTINGS).is_file():
        raise LessonError(f"{chosen.folder} holds something else than a site, which would be lost: name "
                          "another folder, or empty it.")
    with tempfile.TemporaryDirectory() as scratch:
        build(Path(scratch), chosen.folder.resolve(), chosen.pyodide, chosen.address)
    serve = f"{sys.executable} -m http.server --bind 127.0.0.1 --directory {chosen.folder}"
    print(f"The site is in {chosen.folder}. To try it: {serve}")
    return 0


def build(scratch: Path, folder: Path, pyodide: Path | None, address: str = "") -> None:
    """Put together what `jupyter lite build` takes, and run it."""
    print("Fetching JupyterLite, Pyodide and the packages ...", flush=True)
    python = _environment(scratch / "env")
    lite, wheels = scratch / "lite", scratch / "wheels"
    home = lite / "static" / "pyodide"
    source = pyodide or _fetch_pyodide(scratch)
    home.mkdir(parents=True)
    for name in PYODIDE_FILES:
        shutil.copy(source / name, home / name)
    _fetch_wheels(python, wheels)
    if node := shutil.which("node"):
        _run(node, COMPILE, home, wheels)
    pack_packages(sorted(wheels.glob("*.whl")), home / PACKAGES)
    empty_lock(home / LOCK)
    pack(home)
    begin_early(home, {"HOME": "/home/pyodide", SITE: address})
    for where, settings in SETTINGS.items():
        (lite / where).mkdir(exist_ok=True)
        text = json.dumps({"jupyter-lite-schema-version": 0, "jupyter-config-data": settings})
        (lite / where / LITE_SETTINGS).write_text(text, encoding="utf-8")
    _copy_published(scratch / "files")
    shutil.rmtree(folder, ignore_errors=True)
    print("Building the site ...", flush=True)
    _run(python, "-m", "jupyter", "lite", "build", "--lite-dir", lite, "--contents", scratch / "files",
         "--output-dir", folder, "--no-unused-shared-packages", "--no-sourcemaps", cwd=scratch)
    wait_for_storage(folder / "extensions" / "@jupyterlite" / "pyodide-kernel-extension" / "static")
    shutil.copy(OPENS, folder / PAGE)
    shutil.rmtree(folder / "repl")  # JupyterLite's console runs whatever code its address holds
    add_pages(folder)


def wait_for_storage(extension: Path) -> None:
    """Let the kernel of the built site start once it's known whether the browser keeps its files. LessonError
    for a kernel that finds out in another way.
    """
    places = [path for path in extension.glob("*.js") if ASKS_FOR_STORAGE.search(path.read_text("utf-8"))]
    if len(places) != 1:
        raise LessonError(f"The site is made for {LITE[1]}, and this one asks in another way whether it can "
                          "keep files: see ASKS_FOR_STORAGE in course_tools/site.py.")
    text = ASKS_FOR_STORAGE.sub(WAITS_FOR_STORAGE, places[0].read_text("utf-8"))
    places[0].write_text(text, encoding="utf-8")


def _copy_published(folder: Path) -> None:
    """What readers open: nothing of the builder's own, neither outputs nor answers nor other files."""
    for path in published_files():
        (folder / path.relative_to(NOTEBOOKS)).parent.mkdir(parents=True, exist_ok=True)
        (folder / path.relative_to(NOTEBOOKS)).write_bytes(as_published(path))
    cells = [nbformat.v4.new_code_cell(id=f"run-{number}") for number in (1, 2)]  # `site_open.html` fills one
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=incidents.KERNEL), folder / "a-run.ipynb")
    nbformat.write(incidents.to_run(incidents.read()), folder / f"{incidents.PAGE.stem}.ipynb")


def _run(*command: Any, cwd: Path = ROOT) -> None:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True,
                          check=False)
    if done.returncode:
        said = (done.stderr or done.stdout)[-2000:]
        raise LessonError(f"{' '.join(map(str, command[1:5]))} ... failed:\n{said}")


def _environment(folder: Path) -> Path:
    """An environment of its own, as JupyterLite takes every extension that it finds into the site."""
    _run(sys.executable, "-m", "venv", folder)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    _run(python, "-m", "pip", "install", "--quiet", *LITE,
         f"jupyterlab_widgets=={version('jupyterlab_widgets')}", "jupyter-server")
    return python


def _fetch_pyodide(scratch: Path) -> Path:
    _run("npm", "pack", "--silent", f"pyodide@{PYODIDE}", cwd=scratch)
    shutil.unpack_archive(next(scratch.glob("pyodide-*.tgz")), scratch / "npm", filter="data")
    return scratch / "npm" / "package"


def pack(home: Path) -> None:
    """Compress Python itself, 6 of 28 megabytes, which few static hosts do. A browser that can't unpack it
    fetches it as it is. LessonError for a Pyodide that loads it in another way.
    """
    loader = (home / LOADER).read_text(encoding="utf-8")
    packed, found = FETCHES_WASM.subn(FETCHES_PACKED, loader)
    if found != 1:
        raise LessonError(f"The site is made for Pyodide {PYODIDE}, and this one loads {WASM} in another "
                          "way: unpack that version, or leave --pyodide out.")
    (home / LOADER).write_text(packed, encoding="utf-8")
    (home / f"{WASM}.packed").write_bytes(gzip.compress((home / WASM).read_bytes(), mtime=0))


def _fetch_wheels(python: Path, wheels: Path) -> None:
    """What the lessons import, the course itself, and what replaces a server's packages."""
    _run(sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", "--python-version",
         PYTHON, "--implementation", "py", "--abi", "none", "--platform", "any", "--dest", wheels, *NEEDED)
    _run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir",
         wheels, ROOT)
    for wheel in wheels.glob("*.whl"):
        if canonicalize_name(wheel.name.split("-")[0]) in NOT_THERE:
            wheel.unlink()
    share = python.parents[1] / "share/jupyter/labextensions/@jupyterlite/pyodide-kernel-extension"
    for wheel in share.glob("static/pypi/*.whl"):
        if not wheel.name.startswith("widgetsnbextension-3."):  # for ipywidgets 7
            shutil.copy(wheel, wheels)


def pack_packages(wheels: list[Path], packed: Path) -> None:
    """Put the packages into one file that a page unpacks without Python. Pyodide takes six times as long.

    An index comes first: its size in 4 bytes, then each file and its size.
    """
    files: dict[str, bytes] = {}
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            files |= {name: archive.read(name) for name in archive.namelist() if ".data/" not in name}
    index = json.dumps({name: len(text) for name, text in files.items()}).encode()
    whole = b"".join([len(index).to_bytes(4, "little"), index, *files.values()])
    packed.write_bytes(gzip.compress(whole, mtime=0))


def empty_lock(path: Path) -> None:
    """Leave no package in the list of what Pyodide could fetch."""
    lock = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**lock, "packages": {}}), encoding="utf-8")
