// A picture that is touched: each request and each answer is a button. All runs are in the page; nothing is asked of a kernel or a network.
(function () {
  const FATES = { "": "arrives", "lose request": "is lost", "repeat": "comes twice", "refuse 6": "is refused" };
  const ANSWERS = { "": "arrives", "lose ack": "is lost" };
  const MOST = 2, INK = "#1b1b1b", BLUE = "#0072B2", RED = "#D55E00", GREEN = "#009E73", PINK = "#CC79A7", QUIET = "#595959";
  const STYLE = `.lesson-touch{font:15px/1.4 system-ui,"DejaVu Sans",sans-serif;color:${INK};background:#fff;padding:8px 12px;max-width:1180px}
    .lesson-touch .said{font-size:26px;line-height:1.25;margin:6px 0;min-height:33px}.lesson-touch svg{display:block;width:100%;height:auto}
    .lesson-touch button,.lesson-touch label{font:inherit;min-height:44px}.lesson-touch code{background:#f5f6f8;padding:2px 5px}
    .lesson-touch [role=button]{cursor:pointer}.lesson-touch [role=button]:focus-visible{outline:3px solid ${BLUE}}
    .lesson-touch [role=button]:hover .hit{fill:#0072B222}.lesson-touch .menu{position:absolute;background:#fff;border:1px solid #888;
    border-radius:6px;box-shadow:0 2px 10px #0004;z-index:5;display:flex;flex-direction:column;min-width:11em}
    .lesson-touch .menu button{border:0;background:none;text-align:left;padding:8px 14px;cursor:pointer;color:${INK}}
    .lesson-touch .menu button:hover,.lesson-touch .menu button:focus{background:#e6f0f8;outline:none}
    .lesson-touch .menu [aria-checked=true]{font-weight:700}.lesson-touch .row{display:flex;flex-wrap:wrap;gap:6px 18px;align-items:center}
    .lesson-touch label{display:inline-flex;align-items:center;gap:6px}.lesson-touch select{font:inherit;min-height:32px}.lesson-touch summary{cursor:pointer;line-height:44px;color:${BLUE}}
    .lesson-touch .more{position:relative}.lesson-touch .more>div{position:absolute;z-index:6;background:#fff;border:1px solid #888;border-radius:6px;
    box-shadow:0 2px 10px #0004;padding:4px 14px;display:flex;flex-direction:column;min-width:11em;right:0}
    .lesson-touch small{color:${QUIET};font-size:14px}
    .lesson-touch .row button{border:1px solid #888;background:#fff;border-radius:5px;padding:4px 12px;cursor:pointer;color:${INK}}
    .lesson-touch .row button:disabled{color:#767676;border-color:#ccc;background:#f4f4f4;cursor:default}
    @media print{.lesson-touch .row button,.lesson-touch .row input,.lesson-touch .row label,.lesson-touch .row>span:last-of-type{display:none}}`;

  // A run's words (see touch.py) as events: what happens, to which request, and the number that comes of it.
  function parsed(run) {
    const requests = [], events = run.split(" ").map((word) => {
      const kind = word[0], [request, number, sequence] = word.slice(1).split(".").map(Number);
      if (kind !== ">") return { kind, request, number, ofBatch: "ofu".includes(kind) ? request : requests[request - 1]?.batch };
      requests.push({ batch: request, tryNo: number, sequence, arrivals: [] });
      return { kind, request: requests.length };
    });
    events.forEach((event) => {
      const of = "ofut".includes(event.kind) ? null : requests[event.request - 1];
      if (of) ({ ">": () => { of.sent = event; }, s: () => of.arrivals.push(event), d: () => of.arrivals.push(event), r: () => of.arrivals.push(event),
        x: () => { of.lost = event; }, y: () => { of.gone = event; }, a: () => { of.back = event; }, e: () => { of.back = event; } })[event.kind]();
    });
    return { requests, events, log: events.filter((e) => e.kind === "s").map((e) => e.ofBatch) };
  }
  const key = (mode, faults) => [mode, ...Object.keys(faults).sort().map((n) => `${n}:${faults[n]}`)].join(";");

  // What came of a run: the log, and what is wrong with it.
  function sentence({ events, log, requests }) {
    const times = (b) => log.filter((x) => x === b).length, named = (b) => `m${b}`;
    const all = [...new Set(requests.map((r) => r.batch))], firsts = all.filter((b) => times(b)).sort((a, b) => log.indexOf(a) - log.indexOf(b));
    const told = (kind) => events.filter((e) => e.kind === kind).map((e) => e.ofBatch);
    const found = all.filter((b) => times(b) > 1).map((b) => `${named(b)} is stored ${["", "", "twice", "three times"][times(b)] ?? `${times(b)} times`}.`);
    const late = firsts.find((b, n) => firsts.slice(0, n).some((before) => before > b));
    if (late !== undefined) found.push(`${named(late)} comes after ${named(firsts[firsts.indexOf(late) - 1])}.`);
    told("o").filter((b) => !times(b)).forEach((b) => found.push(`${named(b)} was told ok, but is not in the log.`));
    told("u").forEach((b) => found.push(`The application can't know whether ${named(b)} is there.`));
    told("f").forEach((b) => found.push(`${named(b)} failed, and the application knows.`));
    return `Log: ${log.map(named).join(" ")}. ${found.join(" ") || "Each record is stored once."}`;
  }

  function begin(root) {
    const { modes, runs } = JSON.parse(root.querySelector("script").textContent);
    const faults = {}, [start, ...parts] = root.dataset.start.split(";");
    let mode = start, before = null, menu = null;
    parts.forEach((part) => { const [n, fault] = part.split(":"); faults[n] = fault; });
    root.insertAdjacentHTML("beforeend", `<style>${STYLE}</style><div class="row"><label><input type="checkbox" class="on"> idempotence</label>
      <label>in flight <select class="flight"><option>1</option><option>5</option></select></label>
      <details class="more"><summary>more</summary><div><label>acks <select class="acks"><option>all</option><option>0</option></select></label>
      <label>retries <select class="retries"><option>no limit</option><option>0</option></select></label></div></details>
      <button type="button" class="clear">No faults</button><span>Press a request or an answer to choose what becomes of it.</span></div>
      <p class="said" role="status"></p><div class="sheet" style="position:relative"></div>
      <p class="row"><span>In Python: <code></code></span><button type="button" class="copy">Copy</button><small class="why"></small></p>`);
    const find = (selector) => root.querySelector(selector);
    const sheet = find(".sheet");

    // What was chosen, kept to what can be: a request that is no longer sent takes its fault with it, the last one first.
    function change(how) {
      before = runs[key(mode, faults)];
      how();
      while (!(key(mode, faults) in runs)) delete faults[Math.max(...Object.keys(faults))];
      draw();
    }

    // Each switch leads to one of the modes that were computed ahead; what does not go with it goes back to what is usual.
    const five = () => (find(".flight").value === "5" ? ",5" : "");
    const switches = { on: () => (find(".on").checked ? "on" : "off") + five(), flight: () => (mode.startsWith("on") ? "on" : "off") + five(),
      acks: () => (find(".acks").value === "0" ? "off,acks=0" : "off"), retries: () => (find(".retries").value === "0" ? "off,retries=0" : "off") };
    const WHY = { "on,5": "With idempotence on kafka-python sends one request at a time; this is the Java client.",
      "off,acks=0": "Without acks there is no idempotence.", "off,retries=0": "Without retries there is no idempotence." };

    const choose = (n, fault) => change(() => { if (fault) faults[n] = fault; else delete faults[n]; });

    function open(anchor, n, choices, what) {
      close();
      menu = document.createElement("div");
      menu.className = "menu";
      menu.setAttribute("role", "menu");
      menu.setAttribute("aria-label", what);
      const now = faults[n] in choices ? faults[n] : "";
      const full = !(n in faults) && Object.keys(faults).length >= MOST;
      const sofar = Object.fromEntries(Object.entries(faults).filter(([m]) => m < n));
      Object.entries(choices).forEach(([fault, word]) => {
        const item = document.createElement("button");
        item.type = "button";
        item.setAttribute("role", "menuitemradio");
        item.setAttribute("aria-checked", String(fault === now));
        item.textContent = fault ? `${word} (${fault})` : word;
        if (fault && (full || !(key(mode, { ...sofar, [n]: fault }) in runs))) {
          item.disabled = true;
          item.title = full ? "Two faults at a time here; simulate(...) takes any number." : "Not computed ahead; simulate(...) runs it.";
        }
        item.addEventListener("click", () => { close(); choose(n, fault); find(`[data-name="${anchor}"]`)?.focus(); });
        menu.append(item);
      });
      sheet.append(menu);
      const box = find(`[data-name="${anchor}"]`).getBoundingClientRect(), frame = sheet.getBoundingClientRect();
      menu.style.left = `${Math.max(0, Math.min(box.left - frame.left, frame.width - menu.offsetWidth))}px`;
      menu.style.top = `${Math.max(0, Math.min(box.top - frame.top + box.height / 3, frame.height - 40))}px`;
      (menu.querySelector("[aria-checked=true]:not(:disabled)") ?? menu.firstChild).focus();
      menu.dataset.anchor = anchor;
    }

    function close() { menu?.remove(); menu = null; }

    function draw() {
      close();
      const run = runs[key(mode, faults)], now = parsed(run), on = mode.startsWith("on"), narrow = root.clientWidth > 0 && root.clientWidth < 620;
      find(".on").checked = on;
      find(".flight").value = mode.endsWith(",5") ? "5" : "1";
      find(".acks").value = mode.includes("acks") ? "0" : "all";
      find(".retries").value = mode.includes("retries") ? "0" : "no limit";
      find(".why").textContent = WHY[mode] ?? "";
      find(".clear").disabled = !Object.keys(faults).length;
      find(".said").textContent = sentence(now);
      const script = Object.keys(faults).sort().map((n) => `${n}: "${faults[n]}"`).join(", ");
      const python = (value) => ({ true: "True", false: "False" })[value] ?? JSON.stringify(value);
      find("code").textContent = ["simulate(3", ...(script ? [`faults={${script}}`] : []),
        ...Object.entries(modes[mode]).map(([name, value]) => `${name}=${python(value)}`)].join(", ") + ")";
      const old = before && before !== run ? parsed(before) : null;
      const long = Math.max(axis(now.events, narrow).end, old ? axis(old.events, narrow).end : 0) + (narrow ? 26 : 60);
      const pale = old ? `<g opacity=".16" aria-hidden="true">${drawing(old, narrow, long, now.log.length)}</g>` : "";
      const size = narrow ? [400, long + 68] : [Math.max(1100, long + 20), 350];
      const least = narrow ? 0 : 0.79 * size[0]; // pixels: where there are fewer, it is scrolled
      sheet.innerHTML = `<div style="overflow-x:auto"><svg viewBox="0 0 ${size[0]} ${size[1]}" style="min-width:${least}px" role="group"
        aria-label="${sentence(now)}">${pale}${drawing(now, narrow, long)}</svg></div>`;
    }

    // Where each event stands on the axis of time, in its order, with room for its words on either lane.
    function axis(events, narrow) {
      const lane = (kind) => (">aeofu".includes(kind) ? "app" : "sdr".includes(kind) ? "log" : "");
      const free = { app: 0, log: 0, "": 0 }, places = new Map();
      let time = narrow ? 54 : 128;
      events.forEach((event, n) => {
        const beside = "ofu".includes(event.kind) && events[n - 1]?.kind === ">";
        const track = lane(event.kind);
        time = Math.max(time + (n ? narrow ? 37 : 34 : 0), free[track] + (narrow || beside ? 0 : 44));
        places.set(event, time);
        free[track] = time + (narrow ? 0 : event.kind === "d" ? 42 : 36);
      });
      return { places, end: time };
    }

    // Time runs to the right, or downward where there is no room; a depth of 0 is the application, 1 the log.
    // The lanes end at `edge`. The run before (the present log has `newer` records) has no words but for records beyond those.
    function drawing({ requests, events }, narrow, edge, newer = -1) {
      const { places } = axis(events, narrow), alive = newer < 0;
      const at = (event, depth) => (narrow ? [106 + depth * 176, places.get(event)] : [places.get(event), 80 + depth * 148]);
      const text = (x, y, words, colour = INK, extra = "") => words.split("\n").map((line, n) => `<text x="${x}" y="${y + 16 * n}" fill="${colour}" font-size="14" ${extra}>${line}</text>`).join("");
      // Words beside a lane: above or below it in the middle of their place, or left or right of it.
      const label = ([x, y], depth, words, colour) => {
        if (!alive) return "";
        if (narrow) return depth ? text(x + 14, y + 5, words, colour) : text(x - 12, y + 5, words, colour, 'text-anchor="end"');
        return text(x, depth ? y + 26 : y + 4 - 16 * words.split("\n").length, words, colour, 'text-anchor="middle"');
      };
      const line = (a, b, colour, dash = "") => `<line x1="${a[0]}" y1="${a[1]}" x2="${b[0]}" y2="${b[1]}" stroke="${colour}" stroke-width="2.5" stroke-dasharray="${dash}"/>`;
      const head = (a, b, colour) => {
        const angle = Math.atan2(b[1] - a[1], b[0] - a[0]) * 180 / Math.PI;
        return `<path d="M0 0 L-11 -5 L-11 5 Z" fill="${colour}" transform="translate(${b[0]} ${b[1]}) rotate(${angle})"/>`;
      };
      const arrow = (a, b, colour, dash) => line(a, b, colour, dash) + head(a, b, colour);
      const cross = (p) => `<path d="M${p[0] - 8} ${p[1] - 8} l16 16 m0 -16 l-16 16" stroke="${RED}" stroke-width="3.5"/>`;
      const button = (name, said, a, b, inside) => !alive ? inside : `<g role="button" tabindex="0" data-name="${name}" aria-haspopup="menu" aria-label="${said}">
        <line class="hit" x1="${a[0]}" y1="${a[1]}" x2="${b[0]}" y2="${b[1]}" stroke="#000" stroke-opacity="0" stroke-width="30"/>${inside}</g>`;
      const parts = [], stored = [];
      [["application", 0], ["log", 1]].forEach(([word, depth]) => {
        const [x, y] = at(events[0], depth), ends = narrow ? [[x, 40], [x, edge]] : [[104, y], [edge, y]];
        if (alive) parts.push(line(...ends, "#c8c8c8"), narrow ? text(x, 28, word, QUIET, 'text-anchor="middle"') : text(12, y + 5, word, QUIET));
      });
      events.filter((e) => e.kind === "t").forEach((e) => { // the connection ends: a ragged line across
        const teeth = Array.from({ length: 13 }, (_, n) => { const [x, y] = at(e, n / 12), off = n % 2 ? 4 : -4; return narrow ? [x, y + off] : [x + off, y]; });
        const [x, y] = at(e, .5);
        parts.push(`<polyline points="${teeth}" fill="none" stroke="${QUIET}" stroke-width="1.5"/>`, !alive ? "" :
          text(x, y + (narrow ? -8 : 0), narrow ? "connection drops" : "connection\ndrops", QUIET, 'text-anchor="middle" stroke="#fff" stroke-width="5" paint-order="stroke"'));
      });
      requests.forEach((r, i) => {
        const n = i + 1, fault = alive ? faults[n] : undefined, name = `m${r.batch}${r.tryNo > 1 ? ` try ${r.tryNo}` : ""}`;
        const colour = r.tryNo > 1 ? RED : BLUE, from = at(r.sent, 0), first = r.arrivals[0];
        const to = r.lost ? at(r.lost, .5) : first ? at(first, 1) : at(r.sent, .5);
        const becomes = r.lost && fault !== "lose request" ? "is lost with its connection" : FATES[fault in FATES ? fault : ""];
        parts.push(button(`q${n}`, `Request ${n} with ${name}: ${becomes}. Change it.`, from, to,
          (r.lost ? line(from, to, colour) + cross(to) : arrow(from, to, colour)) + r.arrivals.slice(1).map((a) => arrow(from, at(a, 1), colour, "2 3")).join("")
          + label(from, 0, `${narrow ? "" : `request ${n}\n`}${name}${r.sequence >= 0 ? `\nseq ${r.sequence}` : ""}`, colour)));
        r.arrivals.forEach((a) => {
          const place = at(a, 1);
          if (a.kind === "s") stored.push([r.batch, stored.filter(([b]) => b === r.batch).length, a.number]);
          const shape = { s: `<rect x="${place[0] - 6}" y="${place[1] - 6}" width="12" height="12" fill="${GREEN}"/>`,
            d: `<path d="M${place[0]} ${place[1] - 9} l9 9 l-9 9 l-9 -9 Z" fill="#fff" stroke="${PINK}" stroke-width="3"/>`,
            r: `<circle cx="${place[0]}" cy="${place[1]}" r="8" fill="#fff" stroke="${RED}" stroke-width="3"/>` }[a.kind];
          parts.push(shape, label(place, 1, { s: `stored\nat ${a.number}`, d: `duplicate\nof ${a.number}`, r: "refused" }[a.kind]));
        });
        const answer = r.back ?? r.gone;
        if (!answer) return;
        const sent = at(r.arrivals.at(-1), 1), there = at(answer, r.gone ? .5 : 0);
        parts.push(button(`a${n}`, `Answer to request ${n}: ${r.gone ? "is lost" : "arrives"}. Change it.`, sent, there,
          r.gone ? line(sent, there, QUIET, "3 4") + cross(there) : arrow(sent, there, QUIET, "3 4")));
        if (r.back) parts.push(label(there, 0, r.back.kind === "a" ? `ok,\noffset ${r.back.number}` : "error", r.back.kind === "a" ? INK : RED));
      });
      events.filter((e) => "ofu".includes(e.kind)).forEach((e) => { // what the application is told where no answer says it
        const said = { o: "ok", f: "failed", u: `m${e.ofBatch} unknown` }[e.kind], place = at(e, 0);
        parts.push(label(e.kind === "o" && !narrow ? [place[0], place[1] + 32] : place, 0, said, e.kind === "o" ? INK : RED));
      });
      stored.sort((a, b) => a[2] - b[2]).forEach(([batch, copy, offset]) => {
        const box = narrow ? [20 + offset * 58, edge + 14] : [128 + offset * 74, 294];
        parts.push(`<rect x="${box[0]}" y="${box[1]}" width="54" height="30" fill="${copy ? "#f7dcea" : "#d8efe6"}" stroke="${copy ? PINK : GREEN}" stroke-width="2" stroke-dasharray="${copy ? "5 3" : ""}"/>`);
        if (offset >= newer) parts.push(text(box[0] + 27, box[1] + 20, `m${batch}`, INK, 'text-anchor="middle"'), text(box[0] + 2, box[1] + 45, `${offset}${copy ? " copy" : ""}`, QUIET));
      });
      if (!narrow && alive) parts.push(text(12, 314, "log holds", QUIET));
      return parts.join("");
    }

    const press = (target) => {
      const name = target.closest("[role=button]")?.dataset.name;
      if (!name) return false;
      const n = +name.slice(1), request = name[0] === "q";
      open(name, n, request ? FATES : ANSWERS, `${request ? "Request" : "Answer to request"} ${n}`);
      return true;
    };
    root.addEventListener("click", (event) => {
      if (!event.target.closest(".more")) find(".more").open = false;
      if (!event.target.closest(".menu") && !press(event.target)) close();
    });
    root.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && event.key === "Enter")) return;
      event.stopPropagation(); // in JupyterLab a plain key is a command: d d deletes the cell
      if (event.key === "Escape" && menu) { const back = menu.dataset.anchor; close(); find(`[data-name="${back}"]`)?.focus(); }
      if (menu && ["ArrowDown", "ArrowUp"].includes(event.key)) {
        const items = [...menu.querySelectorAll("button:not(:disabled)")], i = items.indexOf(document.activeElement);
        items[(i + (event.key === "ArrowDown" ? 1 : items.length - 1)) % items.length].focus();
        event.preventDefault();
      } else if (["Enter", " "].includes(event.key) && !event.target.closest(".menu") && press(event.target)) event.preventDefault();
    });
    Object.entries(switches).forEach(([name, to]) => find(`.${name}`).addEventListener("change", () => change(() => { mode = to(); })));
    find(".clear").addEventListener("click", () => change(() => Object.keys(faults).forEach((n) => delete faults[n])));
    find(".copy").addEventListener("click", () => navigator.clipboard?.writeText(find("code").textContent));
    let width = root.clientWidth;
    new ResizeObserver(() => { if (Math.abs(root.clientWidth - width) > 1) { width = root.clientWidth; draw(); } }).observe(root);
    draw();
  }

  const waiting = () => document.querySelectorAll(".lesson-touch:not([data-ready])");
  const start = () => waiting().forEach((root) => { root.dataset.ready = "yes"; begin(root); });
  start();
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
})();
