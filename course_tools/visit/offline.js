// Keeps what a visitor has fetched, so that the next visit works without a network. Put before JupyterLite's own service worker, which
// goes on answering for the learner's files.
//
// files.json has a mark of each file's content, and a file is kept under its path and mark. It is asked for anew with each page, so a
// new version of the site shows at once, and what hasn't changed isn't fetched again.
//
// What a reader may open next is fetched unasked, less than a megabyte: a train goes into a tunnel between two lessons.
const NEXT = /^(files|meanwhile|pages)\/|^(index|open)\.html$/;
const KEPT = "sent-twice-files", LIST = "files.json", PATIENCE = 3000;
const SITE = new URL("./", self.location).href;
const cache = caches.open(KEPT);
const coming = new Map();
let marks;

/** The list as it is now, and without a network as it was. Throws away what it doesn't have any more. */
async function newest() {
  const kept = await cache;
  try {
    const answer = await fetch(SITE + LIST, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    if (!answer.ok) throw new Error(answer.status);
    const text = await answer.text(), before = await kept.match(SITE + LIST);
    if (before && (await before.text()) === text) return JSON.parse(text);
    const list = JSON.parse(text), known = new Set([LIST, ...Object.entries(list).map(key)].map((one) => SITE + one));
    await kept.put(SITE + LIST, new Response(text));
    for (const one of await kept.keys()) if (!known.has(one.url)) await kept.delete(one);
    return list;
  } catch {
    return (await kept.match(SITE + LIST))?.json() ?? {};
  }
}

function key([path, mark]) {
  return `${encodeURI(path)}?${mark}`;
}

/** Keep all lessons and pages. Where there is no room or no network, the next page tries again. */
async function ahead(event) {
  for (const path of Object.keys(await marks).filter((one) => NEXT.test(one))) await answer(event, path).catch(() => {});
}

/** What is packed is kept unpacked, so that no later visit has to do it; whoever asks sees that by its headers. */
function unpacked(path, answer) {
  if (!path.endsWith(".packed") || answer.status !== 200) return answer;
  const headers = { "Content-Type": "application/wasm", Unpacked: "yes" };
  return new Response(answer.body.pipeThrough(new DecompressionStream("gzip")), { headers });
}

/** A file as it's kept; fetched, and kept from then on. What is on its way for one page already is not fetched for another. */
async function answer(event, path) {
  const list = await marks;
  if (!list[path]) return fetch(event.request).catch(() => new Response("", { status: 404 }));
  const kept = await cache, name = SITE + key([path, list[path]]);
  await coming.get(name);
  const found = await kept.match(name);
  if (found) return found;
  let arrived;
  coming.set(name, new Promise((done) => { arrived = () => (coming.delete(name), done()); }));
  try {
    const fetched = unpacked(path, await fetch(SITE + encodeURI(path), { cache: "no-cache" }));
    const stored = fetched.status === 200 ? kept.put(name, fetched.clone()) : Promise.resolve();
    event.waitUntil(stored.catch(() => {}).then(arrived));  // there may be no room
    return fetched;
  } catch (error) {
    arrived();
    throw error;
  }
}

self.addEventListener("activate", (event) => {
  marks = newest();
  event.waitUntil(ahead(event));
});

self.addEventListener("fetch", (event) => {
  const { request } = event, url = request.url.split(/[?#]/)[0];
  const path = decodeURI(url.slice(SITE.length)).replace(/(^|\/)$/, "$1index.html");
  if (request.method !== "GET" || !url.startsWith(SITE) || /^api\/(?!contents|translations)/.test(path)) return;
  if (!marks || request.mode === "navigate") {
    marks = newest();
    event.waitUntil(ahead(event));
  }
  event.stopImmediatePropagation();
  event.respondWith(answer(event, path));
});
