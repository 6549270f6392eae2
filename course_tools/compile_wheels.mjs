// Compiles the modules that a lesson begins with, of wheels and of Python's own, for a reader's browser:
//   node compile_wheels.mjs FOLDER_OF_PYODIDE FOLDER_OF_WHEELS
// Otherwise each visit compiles 10 MB of text, which takes longer than all the rest.
import { pathToFileURL } from "node:url";
import path from "node:path";

const [pyodide, wheels] = process.argv.slice(2).map((folder) => path.resolve(folder));
const { loadPyodide } = await import(pathToFileURL(path.join(pyodide, "pyodide.mjs")));
const python = await loadPyodide({ indexURL: pyodide + path.sep });
for (const [name, root] of [["/wheels", wheels], ["/pyodide", pyodide]]) {
  python.FS.mkdirTree(name);
  python.FS.mount(python.FS.filesystems.NODEFS, { root }, name);
}
python.runPython(`
import importlib.util, sys, zipfile
from importlib._bootstrap_external import _code_to_hash_pyc
from pathlib import Path

BEGIN_WITH = ("IPython", "ipywidgets", "comm", "micropip", "piplite", "pyodide_kernel",
              "lesson_lib.lab.virtual.seams")
WITH_TEXT = ("kafka_python-", "sent_twice_stored_once-")  # which a lesson shows, or a reader looks at
UNUSED = ("pygments/lexers/", "pydoc_data/", "kafka/cli/", "kafka/benchmarks/", "wcwidth/table_grapheme_overrides")  # unless a lesson begins with it
LIBRARY, SITE = "/lib/python314.zip/", "/lib/python3.14/site-packages/"
WITHOUT_DOCSTRINGS, WITH_DOCSTRINGS = 2, 0
MAKES_DO = ("micropip-", "prompt_toolkit-", "pygments-", "wcwidth-")  # without docstrings, which others work with

def compiled(text, name, level):
    """As Python caches it; it isn't to compare the file with its text, whose time an archive doesn't keep."""
    code = compile(text, name, "exec", dont_inherit=True, optimize=level)
    return _code_to_hash_pyc(code, importlib.util.source_hash(text), False)

def rewrite(path, begun, folder, with_text, level):
    """Where nobody looks at the text, what is compiled takes its place."""
    with zipfile.ZipFile(path) as archive:
        texts = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, text in texts.items():
            if name in begun or name.startswith("lesson_lib/") and name.endswith(".py"):
                cached = importlib.util.cache_from_source(name) if with_text else f"{name}c"
                archive.writestr(cached, compiled(text, f"{folder}{name}", level))
                if not with_text:
                    continue
            elif name.startswith(UNUSED):
                continue
            archive.writestr(name, text)

wheels = sorted(Path("/wheels").glob("*.whl"))
for wheel in wheels:
    zipfile.ZipFile(wheel).extractall("/site")
sys.path.insert(0, "/site")
for name in BEGIN_WITH:
    try:
        __import__(name)
    except ImportError as error:
        print(f"{name} begins in a browser only: {error}")
files = [file for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))]
rewrite(Path("/pyodide/python_stdlib.zip"), {file.removeprefix(LIBRARY) for file in files}, LIBRARY, False,
        WITHOUT_DOCSTRINGS)
for wheel in wheels:
    rewrite(wheel, {file.removeprefix("/site/") for file in files}, SITE, wheel.name.startswith(WITH_TEXT),
            WITHOUT_DOCSTRINGS if wheel.name.startswith(MAKES_DO) else WITH_DOCSTRINGS)
`);
