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
    .lesson-touch .row button{border:1px solid #888;background:#fff;border-radius:5px;padding:4px 12px;cursor:pointer;color:${INK}}
    .lesson-touch .row button:disabled{color:#767676;border-color:#ccc;background:#f4f4f4;cursor:default}
    @media print{.lesson-touch .row button,.lesson-touch .row input,.lesson-touch .row label,.lesson-touch .row>span:last-of-type{display:none}}`;

  const parsed = (run) => run.split(" ").map((piece) => {
    const [batch, tryNo, sequence, arrivals, answer] = piece.split(".");
    return { batch: +batch, tryNo: +tryNo, sequence: +sequence, arrivals: arrivals.match(/[sdr]\d+/g) ?? [], answer };
  });
  const logOf = (requests) => requests.flatMap((r) => r.arrivals.filter((a) => a[0] === "s").map(() => r.batch));
  const key = (on, faults) => [on ? "on" : "off", ...Object.keys(faults).sort().map((n) => `${n}:${faults[n]}`)].join(";");

  function sentence(log) {
    const copies = [...new Set(log)].filter((b) => log.filter((x) => x === b).length > 1);
    const times = (b) => ({ 2: "twice", 3: "three times" })[log.filter((x) => x === b).length] ?? "several times";
    const found = copies.length ? copies.map((b) => `m${b} is stored ${times(b)}.`).join(" ") : "Each record is stored once.";
    return `Log: ${log.map((b) => `m${b}`).join(" ")}. ${found}`;
  }

  function begin(root) {
    const runs = JSON.parse(root.querySelector("script").textContent);
    const faults = {};
    let on = root.dataset.start.startsWith("on"), before = null, menu = null;
    root.dataset.start.split(";").slice(1).forEach((part) => { const [n, fault] = part.split(":"); faults[n] = fault; });
    root.insertAdjacentHTML("beforeend", `<style>${STYLE}</style><div class="row"><label><input type="checkbox" class="on"> idempotence</label>
      <button type="button" class="clear">No faults</button><span>Press a request or an answer to choose what becomes of it.</span></div>
      <p class="said" role="status"></p><div class="sheet" style="position:relative"></div>
      <p class="row"><span>In Python: <code></code></span><button type="button" class="copy">Copy</button></p>`);
    const find = (selector) => root.querySelector(selector);
    const sheet = find(".sheet");

    // What was chosen, kept to what can be: a request that is no longer sent takes its fault with it, the last one first.
    function change(how) {
      before = runs[key(on, faults)];
      how();
      while (!(key(on, faults) in runs)) delete faults[Math.max(...Object.keys(faults))];
      draw();
    }

    const choose = (n, fault) => change(() => { if (fault) faults[n] = fault; else delete faults[n]; });

    function open(anchor, n, choices, what) {
      close();
      menu = document.createElement("div");
      menu.className = "menu";
      menu.setAttribute("role", "menu");
      menu.setAttribute("aria-label", what);
      const now = faults[n] in choices ? faults[n] : "";
      const full = !(n in faults) && Object.keys(faults).length >= MOST;
      Object.entries(choices).forEach(([fault, word]) => {
        const item = document.createElement("button");
        item.type = "button";
        item.setAttribute("role", "menuitemradio");
        item.setAttribute("aria-checked", String(fault === now));
        item.textContent = fault ? `${word} (${fault})` : word;
        if (full && fault) { item.disabled = true; item.title = "Two faults at a time here; simulate(...) takes any number."; }
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
      const run = runs[key(on, faults)], requests = parsed(run), log = logOf(requests);
      find(".on").checked = on;
      find(".clear").disabled = !Object.keys(faults).length;
      find(".said").textContent = sentence(log);
      const script = Object.keys(faults).sort().map((n) => `${n}: "${faults[n]}"`).join(", ");
      find("code").textContent = `simulate(3${script ? `, faults={${script}}` : ""}, idempotence=${on ? "True" : "False"})`;
      const narrow = root.clientWidth > 0 && root.clientWidth < 620;
      const pale = before && before !== run ? `<g opacity=".16" aria-hidden="true">${drawing(parsed(before), narrow, false)}</g>` : "";
      const length = Math.max(requests.length, before ? parsed(before).length : 0);
      const size = narrow ? [400, 70 + length * 118 + 70] : [Math.max(1100, 150 + length * 132), 338];
      sheet.innerHTML = `<svg viewBox="0 0 ${size[0]} ${size[1]}" role="group" aria-label="${sentence(log)}">${pale}${drawing(requests, narrow, true)}</svg>`;
    }

    // Time runs to the right, or downward where there is no room; a place is (time, depth): 0 is the application, 1 the log.
    function drawing(requests, narrow, alive) {
      const at = (time, depth) => narrow ? [98 + depth * 190, 50 + time * 118] : [120 + time * 132, 62 + depth * 168];
      const text = (x, y, words, colour = INK, extra = "") => `<text x="${x}" y="${y}" fill="${colour}" font-size="14" ${extra}>${words}</text>`;
      const line = (a, b, colour, dash = "") => `<line x1="${a[0]}" y1="${a[1]}" x2="${b[0]}" y2="${b[1]}" stroke="${colour}" stroke-width="2.5" stroke-dasharray="${dash}"/>`;
      const head = (a, b, colour) => {
        const angle = Math.atan2(b[1] - a[1], b[0] - a[0]) * 180 / Math.PI;
        return `<path d="M0 0 L-11 -5 L-11 5 Z" fill="${colour}" transform="translate(${b[0]} ${b[1]}) rotate(${angle})"/>`;
      };
      const middle = (a, b) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
      const cross = (p) => `<path d="M${p[0] - 8} ${p[1] - 8} l16 16 m0 -16 l-16 16" stroke="${RED}" stroke-width="3.5"/>`;
      const button = (name, label, a, b, inside) => !alive ? inside : `<g role="button" tabindex="0" data-name="${name}" aria-haspopup="menu" aria-label="${label}">
        <line class="hit" x1="${a[0]}" y1="${a[1]}" x2="${b[0]}" y2="${b[1]}" stroke="#000" stroke-opacity="0" stroke-width="34"/>${inside}</g>`;
      const parts = [], stored = [];
      const last = requests.length;
      [["application", 0], ["log", 1]].forEach(([word, depth]) => {
        const a = at(-0.05, depth), b = at(last, depth);
        parts.push(line(a, b, "#c8c8c8"), narrow ? text(a[0], 28, word, QUIET, 'text-anchor="middle"') : text(12, a[1] + 5, word, QUIET));
      });
      requests.forEach((r, i) => {
        const n = i + 1, fault = alive ? faults[n] : undefined, name = `m${r.batch}${r.tryNo > 1 ? `, try ${r.tryNo}` : ""}`;
        const out = [at(i + .08, 0), at(i + .42, 1)], back = [at(i + .5, 1), at(i + .84, 0)];
        const colour = r.tryNo > 1 ? RED : BLUE, lost = !r.arrivals.length;
        const arrow = lost ? line(out[0], middle(...out), colour) + cross(middle(...out)) : line(...out, colour) + head(...out, colour)
          + (r.arrivals.length > 1 ? line(at(i + .18, 0), at(i + .52, 1), colour, "2 3") : "");
        const tag = middle(out[0], middle(...out));
        const words = `${name}${r.sequence >= 0 ? `, seq ${r.sequence}` : ""}`;
        parts.push(button(`q${n}`, `Request ${n} with ${name}: ${FATES[fault in FATES ? fault : ""]}. Change it.`, ...out,
          arrow + (narrow ? text(tag[0] + 14, tag[1] - 6, words) : text(out[0][0] - 4, out[0][1] - 26, words, colour))));
        if (!narrow) parts.push(text(out[0][0] - 4, out[0][1] - 42, `request ${n}`, QUIET));
        r.arrivals.forEach((a, k) => {
          const place = at(i + .42 + .1 * k, 1), kind = a[0];
          if (kind === "s") stored.push([r.batch, place, stored.filter(([b]) => b === r.batch).length]);
          const shape = kind === "s" ? `<rect x="${place[0] - 6}" y="${place[1] - 6}" width="12" height="12" fill="${GREEN}"/>`
            : kind === "d" ? `<path d="M${place[0]} ${place[1] - 9} l9 9 l-9 9 l-9 -9 Z" fill="#fff" stroke="${PINK}" stroke-width="3"/>`
              : `<circle cx="${place[0]}" cy="${place[1]}" r="8" fill="#fff" stroke="${RED}" stroke-width="3"/>`;
          const word = { s: `stored at ${a.slice(1)}`, d: `duplicate of ${a.slice(1)}`, r: "refused" }[kind];
          parts.push(shape, narrow ? text(place[0] + 14, place[1] + 5 + 15 * k, word) : text(place[0] - 8, place[1] + 24 + 16 * k, word));
        });
        if (lost) return;
        const gone = r.answer === "x";
        const answer = gone ? line(back[0], middle(...back), QUIET, "3 4") + cross(middle(...back)) : line(...back, QUIET, "3 4") + head(...back, QUIET);
        parts.push(button(`a${n}`, `Answer to request ${n}: ${gone ? "is lost" : "arrives"}. Change it.`, ...back, answer));
        if (!gone) {
          const ok = r.answer[0] === "a", words = ok ? `ok, offset ${r.answer.slice(1)}` : "error, try again";
          parts.push(narrow ? text(4, back[1][1] + 18, words, ok ? GREEN : RED) : text(back[1][0] - 30, back[1][1] - 8, words, ok ? INK : RED));
        }
      });
      stored.forEach(([batch, , copy], offset) => {
        const box = narrow ? [20 + offset * 58, 60 + last * 118] : [120 + offset * 74, 284];
        parts.push(`<rect x="${box[0]}" y="${box[1]}" width="54" height="30" fill="${copy ? "#f7dcea" : "#d8efe6"}" stroke="${copy ? PINK : GREEN}" stroke-width="2" stroke-dasharray="${copy ? "5 3" : ""}"/>`,
          text(box[0] + 27, box[1] + 20, `m${batch}`, INK, 'text-anchor="middle"'), text(box[0] + 2, box[1] + 45, `${offset}${copy ? " copy" : ""}`, QUIET));
      });
      if (!narrow) parts.push(text(12, 304, "log holds", QUIET));
      return parts.join("");
    }

    const press = (target) => {
      const name = target.closest("[role=button]")?.dataset.name;
      if (!name) return false;
      const n = +name.slice(1), request = name[0] === "q";
      open(name, n, request ? FATES : ANSWERS, `${request ? "Request" : "Answer to request"} ${n}`);
      return true;
    };
    root.addEventListener("click", (event) => { if (!event.target.closest(".menu") && !press(event.target)) close(); });
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
    find(".on").addEventListener("change", (event) => change(() => { on = event.target.checked; }));
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
