// The playground: a picture in which each request and each answer is a button. Runs that were computed ahead are in the page;
// for others the kernel is asked, and what it says is drawn when it comes. How a run is written: see runs_ahead.py.
(function (here, data) {
  const hands = window.lessonWire, root = here.previousElementSibling, [FATES, ANSWERS, MORE] = data.fates, { runs, switches } = data;
  const INK = "#1b1b1b", BLUE = "#0072B2", RED = "#D55E00", GREEN = "#009E73", PINK = "#CC79A7", QUIET = "#595959";
  const ORANGE = "#E69F00", AGAIN = "#FBE3B3"; // as in every other picture: a retry, and a second copy in the log
  const RUST = "#b84f00"; // the red of lines is too pale for words
  hands.style("lesson-playground-style", `.lesson-playground{font:15px/1.4 system-ui,"DejaVu Sans",sans-serif;color:${INK};background:#fff;padding:8px 12px;max-width:1180px}
    .lesson-playground .said{font-size:26px;line-height:1.25;margin:6px 0;min-height:33px}.lesson-playground svg{display:block;width:100%;height:auto}
    .lesson-playground button,.lesson-playground label{font:inherit;min-height:44px}.lesson-playground code{background:#f5f6f8;color:${INK};padding:2px 5px}
    .lesson-playground [role=button]{cursor:pointer}.lesson-playground [role=button]:focus-visible{outline:3px solid ${BLUE}}
    .lesson-playground [role=button]:hover .hit{fill:#0072B222}.lesson-playground .menu{position:absolute;background:#fff;border:1px solid #888;
    border-radius:6px;box-shadow:0 2px 10px #0004;z-index:5;display:flex;flex-direction:column;min-width:11em}
    .lesson-playground .menu button{border:0;background:none;text-align:left;padding:8px 14px;cursor:pointer;color:${INK}}
    .lesson-playground .menu button:hover,.lesson-playground .menu button:focus{background:#e6f0f8;outline:none}
    .lesson-playground .menu [aria-checked=true]{font-weight:700}.lesson-playground .row{display:flex;flex-wrap:wrap;gap:6px 18px;align-items:center;margin:2px 0}
    .lesson-playground label{display:inline-flex;align-items:center;gap:6px}.lesson-playground select{font:inherit;min-height:32px;color:${INK};background:#fff;color-scheme:light}
    .lesson-playground input{color-scheme:light}.lesson-playground summary{cursor:pointer;line-height:44px;color:${BLUE}}
    .lesson-playground .more{position:relative}.lesson-playground .more>div{position:absolute;z-index:6;background:#fff;border:1px solid #888;border-radius:6px;
    box-shadow:0 2px 10px #0004;padding:4px 14px;display:flex;flex-direction:column;min-width:14em;right:0}
    .lesson-playground small{color:${QUIET};font-size:14px}.lesson-playground .sheet{position:relative}
    .lesson-playground .row button{border:1px solid #888;background:#fff;border-radius:5px;padding:4px 12px;cursor:pointer;color:${INK}}
    .lesson-playground button:disabled{color:#767676;cursor:default}.lesson-playground .row button:disabled{border-color:#ccc;background:#f4f4f4}
    @media print{.lesson-playground .row :is(button,input,label,details,.hint){display:none}}`);

  // A run's words as events: what happens, to which request, and the number that comes of it; and what is in each batch.
  function parsed(run) {
    const [words, values] = Array.isArray(run) ? run : [run, {}];
    const named = (b) => (values[b] ?? [`m${b}`]).join(" ");
    const requests = [], events = words.split(" ").map((word) => {
      const kind = word[0], [request, number, sequence] = word.slice(1).split(".").map(Number);
      if (kind !== ">") return { kind, request, number, ofBatch: "ofu".includes(kind) ? request : requests[request - 1]?.batch };
      requests.push({ batch: request, tryNo: number, sequence, arrivals: [] });
      return { kind, request: requests.length };
    });
    const place = { ">": "sent", x: "lost", y: "gone", a: "back", e: "back" };
    events.forEach((event) => {
      const of = requests[event.request - 1];
      if ("sdr".includes(event.kind)) of.arrivals.push(event);
      else if (place[event.kind]) of[place[event.kind]] = event;
    });
    const stored = events.filter((e) => e.kind === "s").sort((a, b) => a.number - b.number);
    return { requests, events, named, log: stored.map((e) => e.ofBatch), offsets: stored.map((e) => e.number) };
  }
  const BEFALLS = { t: "connection drops", k: "producer is killed", n: "a new producer", b: "broker restarts", l: "leader changes" };
  const safe = (words) => String(words).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
  const usual = (name) => switches[name][1][0];
  const key = (set, chosen) => [[set.idempotence ? "on" : "off", ...Object.keys(switches).filter((name) => name !== "idempotence" && name in set)
    .map((name) => `${name}=${set[name]}`)].join(","), ...Object.keys(chosen).sort((a, b) => a - b).map((n) => `${n}:${chosen[n]}`)].join(";");

  // What came of a run: the log, and what is wrong with it.
  function sentence({ events, log, requests, named }) {
    const stored = log.map(named), times = (name) => stored.filter((x) => x === name).length;
    const all = [...new Set(requests.map((r) => named(r.batch)))], firsts = all.filter(times).sort((a, b) => stored.indexOf(a) - stored.indexOf(b));
    const told = (kind) => [...new Set(events.filter((e) => e.kind === kind).map((e) => named(e.ofBatch)))];
    const found = all.filter((name) => times(name) > 1).map((name) => `${name} is stored ${["", "", "twice", "three times"][times(name)] ?? `${times(name)} times`}.`);
    const late = firsts.find((name, n) => firsts.slice(0, n).some((before) => all.indexOf(before) > all.indexOf(name)));
    if (late !== undefined) found.push(`${late} comes after ${firsts[firsts.indexOf(late) - 1]}.`);
    told("o").filter((name) => !times(name)).forEach((name) => found.push(`${name} was told ok, but is not in the log.`));
    told("u").forEach((name) => found.push(`The application can't know whether ${name} is there.`));
    told("f").forEach((name) => found.push(`${name} failed, and the application knows.`));
    return `Log: ${stored.join(" ") || "nothing"}. ${found.join(" ") || "Each record is stored once."}`;
  }

  const id = data.name || "playground", field = (name) => {
    const [label, values] = switches[name];
    return name === "idempotence" ? `<label><input type="checkbox" data-switch="${name}"> ${label}</label>`
      : `<label>${label} <select data-switch="${name}">${values.map((value) => `<option>${value}</option>`).join("")}</select></label>`;
  };
  const [first, second, ...rest] = Object.keys(switches).map(field);
  root.innerHTML = `<div class="row">${first}${second}<details class="more"><summary>more</summary><div>${rest.join("")}</div></details>
    <button type="button" class="clear">No faults</button><span class="hint">Press a request or an answer to choose what becomes of it.</span></div>
    <p class="said" role="status"></p><div class="sheet"></div>
    <p class="row"><span>In Python: <code></code></span><button type="button" class="copy">Copy</button>${data.opens ? '<button type="button" class="link">Copy link</button>' : ""}<small class="why" role="status"></small></p>`;
  const find = (selector) => root.querySelector(selector), sheet = find(".sheet");

  // `settings` and `faults` are what was chosen, `shown` is the name of what is drawn, `note` what there is to say to it.
  let settings = data.settings, faults = data.faults, shown = key(settings, faults), before = null, menu = null, note = "", slow = 0;
  const wire = hands.wired(root, here, id, (told) => {
    if (told) answered(told);
    if (wire.awake() !== awake) { awake = wire.awake(); tell(); }
  });
  let awake = null; // not known yet
  const asleep = () => (hands.page ? "Not computed ahead; simulate(...) runs it." : "Run this cell to try it.");

  // What was chosen, kept to what can be: without a kernel a request that is no longer sent takes its fault with it.
  function change(set, chosen) {
    const kept = { ...chosen };
    note = "";
    while (!awake && !(key(set, kept) in runs) && Object.keys(kept).length) {
      const last = Math.max(...Object.keys(kept));
      delete kept[last];
      const gone = !(key(set, kept) in runs) || parsed(runs[key(set, kept)]).requests.length < last;
      note = `${gone ? `There is no request ${last} any more` : "That run was not computed ahead"}, so its fault is dropped: ${last}: ${chosen[last]}.`;
    }
    [settings, faults] = [set, kept];
    const wanted = key(settings, faults);
    if (awake) wire.send(JSON.stringify({ key: wanted, faults, settings }));
    clearTimeout(slow);
    if (wanted in runs) draw();
    else slow = setTimeout(() => { note = "The kernel is busy; the run follows."; tell(); }, 1000);
  }
  function answered(told) {
    const now = told.asked === key(settings, faults);
    if (told.run) runs[key(settings, told.faults)] = told.run;
    if (!now) return;
    clearTimeout(slow);
    note = told.said;
    if (told.run) faults = told.faults;
    else [settings, faults] = drawn; // it cannot be run: what is drawn stays
    if (key(settings, faults) === shown) tell();
    else draw();
  }
  let drawn = [settings, faults];

  // A switch takes the others along that do not go with it, the client only as long as it has to: the one that was chosen comes
  // back, where there is a kernel to run it.
  const forced = (set) => set.idempotence && set.in_flight > 1;
  let client = forced(data.settings) ? usual("client") : data.settings.client ?? usual("client");
  function switched(from, name, value) {
    const to = { ...from, [name]: value };
    if (name === "idempotence" && value) { delete to.acks; if (to.retries === 0) delete to.retries; }
    if ((name === "acks" && value !== "all") || (name === "retries" && value === 0)) to.idempotence = false;
    if (name === "client" && to.idempotence && value === "kafka-python") delete to.in_flight;
    else if (forced(to)) to.client = "java";
    else if (name !== "client") to.client = awake ? client : usual("client");
    return Object.fromEntries(Object.keys(switches).filter((n) => n in to && (n === "idempotence" || to[n] !== usual(n))).map((n) => [n, to[n]]));
  }
  // Without a kernel what was not computed ahead with the other switches is tried with the usual ones.
  const possible = (name, value) => [settings, { idempotence: settings.idempotence }].map((from) => switched(from, name, value))
    .find((set) => awake || key(set, {}) in runs);
  const WHY = [[(s) => s.idempotence && s.client === "java" && s.in_flight > 1, "With idempotence on kafka-python sends one request at a time; this is the Java client."],
    [(s) => "acks" in s, "There is no idempotence without acks=all."], [(s) => s.retries === 0, "There is no idempotence without retries."]];

  function open(anchor, n, choices, what) {
    close();
    find(".more").open = false;
    menu = hands.make("div", { class: "menu", role: "menu", "aria-label": what });
    menu.dataset.anchor = anchor;
    const of = parsed(runs[shown]).requests[n - 1], usually = choices === ANSWERS ? !of.gone : !of.lost && !(faults[n] in MORE);
    const now = faults[n] in choices ? faults[n] : usually ? "" : null, full = !(n in faults) && Object.keys(faults).length >= data.most;
    const sofar = Object.fromEntries(Object.entries(faults).filter(([m]) => +m < n));
    const entry = (words, role, press, why) => {
      const item = menu.appendChild(hands.make("button", { type: "button", role }));
      item.textContent = words;
      if (why) Object.assign(item, { disabled: true, title: why });
      item.addEventListener("click", press);
      return item;
    };
    Object.entries(choices).forEach(([fault, word]) => {
      const refused = !fault || awake ? "" : full && hands.page ? `${["No", "One", "Two"][data.most]} faults at a time here; simulate(...) takes any number.`
        : full || !(key(settings, { ...sofar, [n]: fault }) in runs) ? asleep() : "";
      entry(fault ? `${word} (${fault})` : word, "menuitemradio", () => {
        const { [n]: _, ...others } = faults;
        close();
        if (fault !== now) change(settings, fault ? { ...others, [n]: fault } : others);
        find(`[data-name="${anchor}"]`)?.focus();
      }, refused).setAttribute("aria-checked", String(fault === now));
    });
    if (choices === FATES && !hands.page) entry("more…", "menuitem", (event) => { event.stopPropagation(); open(anchor, n, MORE, what); }, awake ? "" : asleep());
    sheet.append(menu);
    const box = find(`[data-name="${anchor}"]`).getBoundingClientRect(), frame = sheet.getBoundingClientRect();
    menu.style.left = `${Math.max(0, Math.min(box.left - frame.left, frame.width - menu.offsetWidth))}px`;
    menu.style.top = `${Math.max(0, Math.min(box.top - frame.top + box.height / 3, frame.height - menu.offsetHeight))}px`;
    (menu.querySelector("[aria-checked=true]:not(:disabled)") ?? menu.querySelector(":not(:disabled)"))?.focus();
  }
  function close() { menu?.remove(); menu = null; }

  // The switches and what is said beside them.
  function tell() {
    root.querySelectorAll("[data-switch]").forEach((field) => {
      const name = field.dataset.switch, values = switches[name][1], now = settings[name] ?? usual(name);
      if (name === "idempotence") field.checked = now;
      else field.value = now;
      field.querySelectorAll("option").forEach((option, n) => {
        option.disabled = values[n] !== now && !possible(name, values[n]);
        option.title = option.disabled ? asleep() : "";
      });
    });
    find(".why").textContent = [note, WHY.find(([holds]) => holds(settings))?.[1], awake !== false || hands.page ? "" : "Run this cell for every fault and switch."].filter(Boolean).join(" ");
    find(".clear").disabled = !Object.keys(faults).length || (!awake && !(key(settings, {}) in runs));
    const python = (value) => ({ true: "True", false: "False" })[value] ?? (typeof value === "string" ? `'${value}'` : value);
    const script = Object.keys(faults).map((n) => `${n}: '${faults[n]}'`).join(", ");
    find("code").textContent = data.values.replace(/\)$/, [...Object.entries(settings).map(([name, value]) => `, ${name}=${python(value)}`),
      ...data.others.map((other) => `, ${other}`), script && `, faults={${script}}`, ")"].join(""));
  }

  function draw() {
    const name = key(settings, faults), run = runs[name], now = parsed(run), narrow = root.clientWidth > 0 && root.clientWidth < 620;
    const focused = sheet.contains(document.activeElement) && document.activeElement.dataset.name;
    close();
    if (name !== shown) [before, shown] = [runs[shown], name];
    drawn = [settings, faults];
    tell();
    find(".said").textContent = sentence(now);
    const old = before && before !== run ? parsed(before) : null;
    const long = Math.max(axis(now, narrow).end, old ? axis(old, narrow).end : 0) + (narrow ? 26 : 60);
    const pale = old ? `<g opacity=".16" aria-hidden="true">${drawing(old, narrow, long, now.log.length)}</g>` : "";
    const lines = narrow ? Math.ceil(Math.max(now.log.length, old?.log.length ?? 0) / 6) : 0;
    const size = narrow ? [400, long + 8 + 60 * Math.max(1, lines)] : [Math.max(1100, long + 20), 350];
    const least = narrow ? 0 : 0.79 * size[0]; // pixels: where there are fewer, it is scrolled
    sheet.innerHTML = `<div style="overflow-x:auto"><svg viewBox="0 0 ${size[0]} ${size[1]}" style="min-width:${least}px" role="group"
      aria-label="The run">${pale}${drawing(now, narrow, long)}</svg></div>`;
    if (focused) find(`[data-name="${focused}"]`)?.focus();
  }

  // Where each event stands on the axis of time, in its order, with room for its words on either lane.
  const shorter = (name) => (name.length > 9 ? `${name.slice(0, 8)}…` : name);
  const wider = ({ requests, named }) => Math.max(0, ...requests.map((r) => (shorter(named(r.batch)).length - 4) * 8)); // pixels, for long values
  function axis(run, narrow) {
    const lane = (kind) => (">aeofu".includes(kind) ? "app" : "sdr".includes(kind) ? "log" : "");
    const free = { app: 0, log: 0, "": 0 }, places = new Map(), more = narrow ? 0 : wider(run);
    let time = narrow ? 54 : 128;
    run.events.forEach((event, n) => {
      const beside = "ofu".includes(event.kind) && run.events[n - 1]?.kind === ">";
      const track = lane(event.kind);
      const room = "knbl".includes(run.events[n - 1]?.kind) ? [66, 130] : [37, 34]; // for the words beside a ragged line
      time = Math.max(time + (n ? room[narrow ? 0 : 1] : 0), free[track] + (narrow || beside ? 0 : 44 + more));
      places.set(event, time);
      free[track] = time + (narrow ? 0 : event.kind === "d" ? 42 : 36);
    });
    return { places, end: time };
  }

  // Time runs to the right, or downward where there is no room; a depth of 0 is the application, 1 the log.
  // The lanes end at `edge`. The run before (the present log has `newer` records) has no words but for records beyond those.
  function drawing(run, narrow, edge, newer = -1) {
    const { requests, events, named } = run, { places } = axis(run, narrow), alive = newer < 0;
    const at = (event, depth) => (narrow ? [106 + depth * 176, places.get(event)] : [places.get(event), 80 + depth * 148]);
    const text = (x, y, words, colour = INK, extra = "") => words.split("\n").map((line, n) => `<text x="${x}" y="${y + 16 * n}" fill="${colour === RED ? RUST : colour}" font-size="14" ${extra}>${safe(line)}</text>`).join("");
    // Words beside a lane: above or below it in the middle of their place, or left or right of it.
    const label = ([x, y], depth, words, colour) => {
      if (!alive) return "";
      if (narrow) return depth ? text(x + 14, y + 5, words, colour) : text(x - 12, y + 5, words, colour, 'text-anchor="end"');
      return text(x, depth ? y + 26 : y + 4 - 16 * words.split("\n").length, words, colour, 'text-anchor="middle"');
    };
    const line = (a, b, colour, dash = "") => `<line x1="${a[0]}" y1="${a[1]}" x2="${b[0]}" y2="${b[1]}" stroke="${colour}" stroke-width="2.5" stroke-dasharray="${dash}"/>`;
    const head = (a, b, colour) => {
      const angle = Math.atan2(b[1] - a[1], b[0] - a[0]) * 180 / Math.PI;
      return `<path d="M0 0 L-11 -5 L-11 5 Z" fill="${colour}" stroke="${colour === ORANGE ? INK : "none"}" transform="translate(${b[0]} ${b[1]}) rotate(${angle})"/>`;
    };
    const way = (a, b, colour, dash = "") => (colour === ORANGE
      ? `${line(a, b, INK).replace('"2.5"', '"4.5"')}${line(a, b, "#fff")}${line(a, b, ORANGE, dash || "8 5")}` : line(a, b, colour, dash));
    const arrow = (a, b, colour, dash) => way(a, b, colour, dash) + head(a, b, colour);
    // What is lost with its connection ends on the drop, and no two of them cross: requests above answers, the older nearer to
    // where it was going. Where the connection stays open there is no drop: it ends midway.
    const drops = new Map();
    events.forEach((event, n) => {
      if (!"xy".includes(event.kind)) return;
      const drop = events.slice(0, n).findLast((e) => "tk".includes(e.kind));
      const of = requests[event.request - 1], began = event.kind === "x" ? of.sent : of.arrivals.at(-1);
      if (drop && events.indexOf(drop) > events.indexOf(began)) drops.set(event, drop);
    });
    const end = (event) => {
      const drop = drops.get(event);
      if (!drop) return at(event, .5);
      const there = [...drops.keys()].filter((one) => drops.get(one) === drop), of = (kind) => there.filter((e) => e.kind === kind);
      const down = [...of("x").sort((a, b) => b.request - a.request), ...of("y").sort((a, b) => a.request - b.request)];
      return at(drop, (down.indexOf(event) + 1) / (down.length + 1));
    };
    const HALO = 'stroke="#fff" stroke-width="5" paint-order="stroke"';
    const cross = (p) => `<path d="M${p[0] - 8} ${p[1] - 8} l16 16 m0 -16 l-16 16" stroke="${INK}" stroke-width="3.5"/>${alive
      ? text(p[0] + (narrow ? 0 : 13), p[1] + (narrow ? 22 : 5), "lost", INK, `font-weight="bold" text-anchor="${narrow ? "middle" : "start"}" ${HALO}`) : ""}`;
    const button = (name, said, a, b, inside) => !alive ? inside : `<g role="button" tabindex="0" data-name="${name}" aria-haspopup="menu" aria-label="${safe(said)}">
      <line class="hit" x1="${a[0]}" y1="${a[1]}" x2="${b[0]}" y2="${b[1]}" stroke="#000" stroke-opacity="0" stroke-width="30"/>${inside}</g>`;
    const parts = [];
    [["application", 0], ["log", 1]].forEach(([word, depth]) => {
      const [x, y] = at(events[0], depth), ends = narrow ? [[x, 40], [x, edge]] : [[104, y], [edge, y]];
      if (alive) parts.push(line(...ends, "#c8c8c8"), narrow ? text(x, 28, word, QUIET, 'text-anchor="middle"') : text(12, y + 5, word, QUIET));
    });
    events.filter((e) => BEFALLS[e.kind]).forEach((e) => { // a ragged line across
      const teeth = Array.from({ length: 13 }, (_, n) => { const [x, y] = at(e, n / 12), off = n % 2 ? 4 : -4; return narrow ? [x, y + off] : [x + off, y]; });
      const middle = narrow && e.kind === "t", [x, y] = at(e, middle ? .5 : narrow ? .02 : .84); // what goes on passes to the right
      const lost = [...drops.values()].filter((drop) => drop === e).length; // what was lost with it has its word beside its cross
      parts.push(`<polyline points="${teeth}" fill="none" stroke="${QUIET}" stroke-width="1.5"/>`, !alive ? "" :
        text(x + (narrow ? 0 : lost > 2 ? 46 : 10), y + (middle ? 20 + 18 * !!lost : narrow ? 27 + 18 * !!lost : 0), middle ? BEFALLS[e.kind] : BEFALLS[e.kind].replace(/ (?=\S+$)/, "\n"), QUIET,
          `text-anchor="${middle ? "middle" : "start"}" ${HALO}`));
    });
    requests.forEach((r, i) => {
      const n = i + 1, fault = alive ? faults[n] : undefined, name = `${named(r.batch)}${r.tryNo > 1 ? ` try ${r.tryNo}` : ""}`;
      const colour = r.tryNo > 1 ? ORANGE : BLUE, from = at(r.sent, 0), first = r.arrivals[0];
      const to = r.lost ? end(r.lost) : first ? at(first, 1) : at(r.sent, .5);
      const becomes = r.lost && fault !== "lose request" ? "is lost with its connection" : FATES[fault] ?? MORE[fault] ?? FATES[""];
      parts.push(button(`q${n}`, `Request ${n} with ${name}: ${becomes}. Change it.`, from, to,
        (r.lost ? way(from, to, colour) + cross(to) : arrow(from, to, colour)) + r.arrivals.slice(1).map((a) => arrow(from, at(a, 1), colour, "2 3")).join("")
        + label(from, 0, `${narrow ? "" : `request ${n}\n`}${name.replace(named(r.batch), shorter)}${r.sequence >= 0 ? `\nseq ${r.sequence}` : ""}`, colour === ORANGE ? INK : colour)));
      r.arrivals.forEach((a) => {
        const place = at(a, 1);
        const shape = { s: `<rect x="${place[0] - 6}" y="${place[1] - 6}" width="12" height="12" fill="${GREEN}" stroke="${INK}"/>`,
          d: `<path d="M${place[0]} ${place[1] - 9} l9 9 l-9 9 l-9 -9 Z" fill="${PINK}" stroke="${INK}" stroke-width="1.5"/>`,
          r: [[INK, 7], [RED, 4]].map(([colour, wide]) => `<path d="M${place[0] - 6} ${place[1] - 6} l12 12 m0 -12 l-12 12" stroke="${colour}" stroke-width="${wide}"/>`).join("") }[a.kind];
        parts.push(shape, label(place, 1, { s: `stored\nat ${a.number}`, d: `duplicate\nof ${a.number}`, r: "refused" }[a.kind]));
      });
      const answer = r.back ?? r.gone;
      if (!answer || !first) return;
      const sent = at(r.arrivals.at(-1), 1), there = r.gone ? end(r.gone) : at(answer, 0);
      parts.push(button(`a${n}`, `Answer to request ${n}: ${r.gone ? "is lost" : "arrives"}. Change it.`, sent, there,
        r.gone ? line(sent, there, QUIET, "3 4") + cross(there) : arrow(sent, there, QUIET, "3 4")));
      if (r.back) parts.push(label(there, 0, r.back.kind === "a" ? `ok,\noffset ${r.back.number}` : "error", r.back.kind === "a" ? INK : RED));
    });
    events.filter((e) => "ofu".includes(e.kind)).forEach((e) => { // what the application is told where no answer says it
      const said = { o: "ok", f: "failed", u: `${shorter(named(e.ofBatch))} unknown` }[e.kind], place = at(e, 0);
      parts.push(label(e.kind === "o" && !narrow ? [place[0], place[1] + 32] : place, 0, said, e.kind === "o" ? INK : RED));
    });
    const before = new Set(), unit = 54 + wider(run);
    run.log.forEach((batch, n) => {
      const copy = before.has(named(batch)), offset = run.offsets[n], name = shorter(named(batch));
      const [x, y] = narrow ? [20 + (n % 6) * 58, edge + 14 + 60 * Math.floor(n / 6)] : [128 + n * (unit + 20), 294], wide = narrow ? 54 : unit;
      before.add(named(batch));
      parts.push(`<rect x="${x}" y="${y}" width="${wide}" height="30" fill="${copy ? AGAIN : "#d8efe6"}" stroke="${copy ? INK : GREEN}" stroke-width="${copy ? 3 : 2}"/>`);
      if (n >= newer) parts.push(text(x + wide / 2, y + 20, narrow ? name.slice(0, 6) : name, INK, 'text-anchor="middle"'), text(x + 2, y + 45, `${offset}${copy ? " copy" : ""}`, QUIET));
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
  hands.keys(root, ({ key: pressed, target }) => {
    if (pressed === "Escape" && menu) {
      const back = menu.dataset.anchor;
      close();
      find(`[data-name="${back}"]`)?.focus();
    } else if (pressed === "Escape" && find(".more").open) {
      find(".more").open = false;
      find("summary").focus();
    } else if (menu && ["ArrowDown", "ArrowUp"].includes(pressed)) {
      const items = [...menu.querySelectorAll("button:not(:disabled)")], i = items.indexOf(document.activeElement);
      items[(i + (pressed === "ArrowDown" ? 1 : items.length - 1)) % items.length].focus();
    } else if (pressed === "Tab" && target.closest(".menu")) { // from the arrow on, to the next or the one before
      find(`[data-name="${menu.dataset.anchor}"]`).focus();
      close();
      return false;
    } else return ["Enter", " "].includes(pressed) && !target.closest(".menu") && press(target);
    return true;
  });
  root.querySelectorAll("[data-switch]").forEach((field) => field.addEventListener("change", () => {
    const name = field.dataset.switch;
    if (name === "client") client = field.value;
    change(possible(name, name === "idempotence" ? field.checked : switches[name][1].find((value) => `${value}` === field.value)), faults);
  }));
  find(".clear").addEventListener("click", () => change(settings, {}));
  const copy = async (words) => {
    const copied = await navigator.clipboard?.writeText(words).then(() => true, () => false);
    note = copied ? "Copied." : "Selected. Copy it with your keyboard."; // a browser may not allow it
    tell();
    if (copied) return;
    find("code").textContent = words;
    getSelection().selectAllChildren(find("code"));
  };
  find(".copy").addEventListener("click", () => copy(find("code").textContent));
  // The line of Python behind the # of an address, as lesson_lib/history/link.py writes it.
  const dense = (line) => line.replace(/('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|([,:]) /g, (_, text, mark) => text ?? mark);
  find(".link")?.addEventListener("click", () => copy(data.opens + encodeURIComponent(dense(find("code").textContent))
    .replace(/%2C|%3A|%3D|%3B/g, decodeURIComponent).replace(/%20/g, "+")));
  let width = root.clientWidth;
  new ResizeObserver(() => { if (Math.abs(root.clientWidth - width) > 1) { width = root.clientWidth; draw(); } }).observe(root);
  draw();
})
