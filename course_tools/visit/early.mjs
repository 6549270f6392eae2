// Python for the site, in Pyodide's place: begun as soon as its worker is there, and not first when JupyterLab asks for it, with what
// every lesson begins with. Says how far it is, in bytes and then in stages.
import { loadPyodide as load } from "./loader.mjs";

// Without PYTHONSAFEPATH every import first asks the site's contents whether there is such a file: minutes instead of seconds. The
// folder of the notebook comes last, where IPython leaves it, for the same reason.
const env = { PYTHONSAFEPATH: "1", .../* environment */ {} };
// IPython brings a terminal with it, and a page has none.
const STAGES = [
  ["Starting Jupyter's kernel", `import sys, types; sys.path.append('')
sys.modules["IPython.terminal.embed"] = types.SimpleNamespace(embed=None)
import piplite.piplite, pyodide_kernel`],
  ["Loading the lesson's tools", "from lesson_lib import before, compare, exercise, observe, question, reveal, show, simulate"],
];
const HERE = new URL(".", import.meta.url).href;
const TOTAL = /* bytes */ 1;

const tell = (share, stage) => self.postMessage({ waiting: { share, stage } });
const fetched = self.fetch;
let read = 0;

/** Fetches as ever, and tells how much has arrived. */
async function counted(...asked) {
  const answer = await fetched(...asked);
  if (!answer.ok || !answer.body || answer.headers.has("Unpacked") || !/\.(packed|zip)$/.test(new URL(answer.url).pathname)) return answer;
  const counter = new TransformStream({
    transform(part, stream) {
      read += part.byteLength;
      tell(Math.min(1, read / TOTAL) * 0.5, `Fetching Python: ${(read / 1e6).toFixed(1)} of ${(TOTAL / 1e6).toFixed(1)} MB`);
      stream.enqueue(part);
    },
  });
  return new Response(answer.body.pipeThrough(counter), answer);
}

/** What is in it; a browser that keeps files has unpacked them already. */
function unpacked(packed) {
  return packed.headers.has("Unpacked") ? packed : new Response(packed.body.pipeThrough(new DecompressionStream("gzip")));
}

/** Writes the packages where Python looks for them: after the size of an index come the index and all files. */
async function unpack({ FS }, packed) {
  const whole = await unpacked(await packed).arrayBuffer();
  let at = 4 + new DataView(whole).getUint32(0, true);
  const index = JSON.parse(new TextDecoder().decode(new Uint8Array(whole, 4, at - 4)));
  const packages = FS.readdir("/lib").find((name) => /^python3\.\d+$/.test(name));
  for (const [name, size] of Object.entries(index)) {
    const file = `/lib/${packages}/site-packages/${name}`;
    FS.mkdirTree(file.slice(0, file.lastIndexOf("/")));
    FS.writeFile(file, new Uint8Array(whole, at, size), { canOwn: true });
    at += size;
  }
}

async function begin() {
  self.fetch = counted;
  const packed = fetch(`${HERE}packages.packed`), python = await load({ indexURL: HERE, env });
  await unpack(python, packed);
  self.fetch = fetched;
  STAGES.forEach(([stage, code], number) => {
    tell(0.6 + 0.2 * number, stage);
    python.runPython(code);
  });
  tell(1, "Opening the notebook");
  return python;
}

const begun = begin();

/** What the kernel calls; what it wants to hear of Python's output is told from here on. */
export async function loadPyodide({ stdout, stderr }) {
  const python = await begun;
  python.setStdout({ batched: stdout });
  python.setStderr({ batched: stderr });
  return python;
}
