// Compiles the modules of wheels that a lesson begins with, by the Python that a reader's browser will have:
//   node compile_wheels.mjs FOLDER_OF_PYODIDE FOLDER_OF_WHEELS
// Otherwise each visit compiles 7 MB of text, which takes longer than all the rest.
import { pathToFileURL } from "node:url";
import path from "node:path";

const [pyodide, wheels] = process.argv.slice(2).map((folder) => path.resolve(folder));
const { loadPyodide } = await import(pathToFileURL(path.join(pyodide, "pyodide.mjs")));
const python = await loadPyodide({ indexURL: pyodide + path.sep });
python.FS.mkdirTree("/wheels");
python.FS.mount(python.FS.filesystems.NODEFS, { root: wheels }, "/wheels");
python.runPython(`
import importlib.util, sys, zipfile
from importlib._bootstrap_external import _code_to_hash_pyc
from pathlib import Path

BEGIN_WITH = ("IPython", "ipywidgets", "comm", "micropip", "piplite", "pyodide_kernel",
              "lesson_lib.lab.virtual.seams")
WITH_TEXT = ("kafka_python-", "sent_twice_stored_once-")  # which a lesson shows, or a reader looks at
UNUSED = "pygments/lexers/"  # nobody colours anything but Python here

def compiled(text, name):
    """As Python caches it; it isn't to compare the file with its text, whose time an archive doesn't keep."""
    code = compile(text, f"/lib/python3.14/site-packages/{name}", "exec", dont_inherit=True)
    return _code_to_hash_pyc(code, importlib.util.source_hash(text), False)

def rewrite(wheel, begun):
    with zipfile.ZipFile(wheel) as archive:
        texts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, text in texts.items():
            begins = name in begun or name.startswith("lesson_lib/") and name.endswith(".py")
            if begins and wheel.name.startswith(WITH_TEXT):
                archive.writestr(importlib.util.cache_from_source(name), compiled(text, name))
            elif begins:
                archive.writestr(f"{name}c", compiled(text, name))
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
files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
begun = {file.removeprefix("/site/") for file in files if file and file.startswith("/site/")}
for wheel in wheels:
    rewrite(wheel, begun)
`);
