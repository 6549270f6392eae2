// Turns each finished picture of this name into one that can be played. No network, no kernel, no autoplay.
// The image stays as a pale ghost (the future); the same drawing lies over it, with the events up to now shown.
(function (script, name, told) {
  // On paper a button is dead and nothing can be scrolled. A control without effect looks so.
  const STYLE = `@media print { .lesson-steps { display: none !important } .lesson-sheet { break-inside: avoid }
    .lesson-sheet, .lesson-sheet img { min-width: 0 !important }
    .lesson-picture pre { white-space: pre-wrap !important; overflow: visible !important; font-size: 70% } }
    .lesson-player { position: sticky; bottom: 0; z-index: 2; padding: 4px 0 } .lesson-player > * { max-width: 1000px }
    @media print { .lesson-player { position: static } }
    .lesson-player [aria-disabled=true] { opacity: .4; cursor: default }
    .lesson-boxes { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 6px }
    .lesson-boxes[hidden] { display: none }
    .lesson-boxes > div { border: 1px solid currentColor; border-radius: 4px; padding: 2px 8px; max-height: 4.2em;
      overflow-y: auto; line-height: 1.35 }
    .lesson-boxes, .lesson-boxes > div, .lesson-boxes b { background: inherit }
    .lesson-boxes b { margin-right: .8em; display: inline-block; position: sticky; top: 0 } .lesson-boxes span > span { display: inline-block; margin-right: 1em; white-space: nowrap }
    .lesson-boxes .new, .lesson-picture pre .new { background: #fff4c2; color: #1a1a1a; box-shadow: 0 0 0 2px #e69f00 }
    .lesson-sheet [data-event] { cursor: pointer }
    @media (max-width: 600px) { .lesson-boxes > div { max-height: 6.6em } .lesson-boxes span > span { white-space: normal } }
    @media (pointer: coarse) { .lesson-steps button { min-height: 40px } }
    @media print { .lesson-picture > div { max-height: none !important } }
    .lesson-sheet g.new { filter: drop-shadow(0 0 2px #b35c00) drop-shadow(0 0 3px #e69f00) }`; // an animation costs half a frame a step
  const PHONE = 600; // pixels: a place that is narrower shows so little that a picture opens where something happens
  const PACE = 1100; // milliseconds from event to event while it plays

  const make = (tag, attributes, parent) => {
    const element = document.createElement(tag);
    Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
    return parent.appendChild(element);
  };

  function drawing(image) {
    const bytes = Uint8Array.from(atob(image.src.split(",")[1]), (c) => c.charCodeAt(0));
    const text = new TextDecoder().decode(bytes);
    const svg = document.importNode(new DOMParser().parseFromString(text, "image/svg+xml").documentElement, true);
    svg.setAttribute("aria-hidden", "true");
    svg.setAttribute("focusable", "false");
    svg.style.cssText = "position:absolute;left:0;top:0;width:100%;height:100%;will-change:transform;contain:strict";
    svg.querySelector("[data-paper]")?.remove();
    return svg;
  }

  function begin(root) {
    root.dataset.ready = "yes";
    const image = root.querySelector("img"), frame = image.parentElement, alt = image.alt;
    const svg = drawing(image);
    const sheet = document.createElement("div");
    sheet.className = "lesson-sheet";
    sheet.style.cssText = "position:relative;display:inline-block;max-width:100%;background:#fff;line-height:0;isolation:isolate";
    sheet.style.minWidth = image.style.minWidth;
    image.replaceWith(sheet);
    sheet.append(image, svg);

    const last = told.captions.length - 1;
    const groups = told.captions.map(() => []);
    svg.querySelectorAll("[data-event]").forEach((g) => groups[+g.dataset.event].push(g));
    // A mark says what it is: when one points at it, and when it is pressed.
    groups.forEach((marks, n) => marks.forEach((g) => {
      const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
      title.textContent = told.captions[n];
      g.prepend(title);
    }));
    svg.addEventListener("click", (event) => {
      const mark = event.target.closest("[data-event]");
      if (mark && !getSelection().toString()) { stop(); show(+mark.dataset.event); }
    });
    const solid = (g) => !/^#.{8}$/.test(g.lastElementChild?.getAttribute("fill")); // not the ground of a connection
    let now = last;

    make("style", {}, root).textContent = STYLE;
    const player = document.createElement("div");
    player.className = "lesson-player";
    frame.after(player);
    const bar = make("div", { class: "lesson-steps", role: "group", "aria-label": "Step through the picture",
      style: "display:flex;flex-wrap:wrap;gap:6px;align-items:center" }, player);
    const button = (text, action) => {
      const b = make("button", { type: "button", "data-lm-suppress-shortcuts": "true" }, bar);
      b.textContent = text;
      b.addEventListener("click", () => { if (action !== play) stop(); action(); });
      return b;
    };
    const first = button("First", () => show(0));
    const back = button("Previous event", () => show(now - 1));
    const playing = button("Play", play);
    const next = button("Next event", () => show(now + 1));
    const end = button("Last", () => show(last));
    const slider = make("input", { type: "range", min: 0, max: last, value: last, step: 1, "aria-label": "Event",
      "data-lm-suppress-shortcuts": "true", style: "flex:1 1 120px;min-width:100px" }, bar);
    const surprise = button("Next surprise", () => show(told.surprises.find((n) => n > now) ?? told.surprises[0] ?? last));
    if (told.copied) {
      const share = button(told.copied[0], async () => {
        const copied = await navigator.clipboard?.writeText(told.copied[1]).then(() => true, () => false);
        if (copied) share.textContent = "Copied";
        else { // a browser may not allow it
          caption.textContent = told.copied[1];
          getSelection().selectAllChildren(caption);
        }
      });
    }
    const caption = make("p", { role: "status", "aria-live": "polite", style: "margin:4px 0;min-height:1.4em" }, player);
    const boxes = make("div", { class: "lesson-boxes lesson-steps" }, player);
    boxes.hidden = true; // until somebody steps
    const lists = told.boxes.flatMap((run) => [["The application believes", run.believes], ["The log holds", run.holds]]
      .filter(([, changes]) => changes.length).map(([what, changes]) => {
        const box = make("div", { tabindex: 0, role: "group", "aria-label": run.name ? `${run.name}: ${what}` : what }, boxes);
        make("b", {}, box).textContent = `${run.name ? `${run.name}: ` : ""}${what}`;
        box.append(" ");
        return { changes, list: make("span", {}, box), shown: null };
      }));
    slider.addEventListener("input", () => { stop(); show(+slider.value); });
    surprise.setAttribute("aria-disabled", String(!told.surprises.length));

    // What is sticky needs a way up to the page's own scroller on which nothing else scrolls, and a ground to stand on.
    let ground = "", page = null;
    for (let e = root; e && !page; e = e.parentElement) {
      const look = getComputedStyle(e);
      if (!ground && !/^(transparent|rgba\(.*, 0\))$/.test(look.backgroundColor)) ground = look.backgroundColor;
      if (e.matches("body, .slide, .jp-WindowedPanel-outer") || (e.scrollHeight > e.clientHeight + 1 && /auto|scroll/.test(look.overflowY))) page = e;
      else if (look.overflowY !== "visible") e.style.overflow = "visible";
    }
    player.style.background = ground || "Canvas";

    // A picture that is larger than its window is scrolled in itself, with the bar below it in view.
    // The names of its rows stay at the left edge, on a ground of their own.
    const names = svg.querySelectorAll("[data-pinned]");
    const strip = document.createElementNS("http://www.w3.org/2000/svg", "g");
    strip.innerHTML = names.length ? `<rect height="${svg.viewBox.baseVal.height}" fill="#ffffffe6" visibility="hidden"/>` : "";
    strip.append(...names);
    svg.append(strip);
    let large = false, edge = 0;
    const room = () => {
      const high = page?.matches("body, .slide") ? innerHeight : page.clientHeight;
      if (!page.matches(".slide")) frame.style.maxHeight = `${Math.max(200, high - player.offsetHeight - 12)}px`;
      if (names.length && !edge && svg.clientWidth) { // a hidden one has no size yet
        edge = Math.max(...[...names].map((name) => name.getBBox()).map((box) => box.x + box.width)) + 8;
        strip.firstChild.setAttribute("width", edge);
      }
      large = frame.scrollWidth > frame.clientWidth + 1 || frame.scrollHeight > frame.clientHeight + 1;
      Object.entries({ tabindex: 0, role: "group", "aria-label": "Picture, of which a part is in view", "data-lm-suppress-shortcuts": "true" })
        .forEach(([name, value]) => (large ? frame.setAttribute(name, value) : frame.removeAttribute(name)));
      say();
      if (large && now < last) follow(now, false);
      else if (boxes.hidden && frame.clientWidth < PHONE) { follow(told.surprises[0] ?? 0, false); frame.scrollTop = 0; } // with its title
      pin();
    };
    const pin = () => {
      const by = frame.scrollLeft * svg.viewBox.baseVal.width / (svg.clientWidth || 1);
      strip.setAttribute("transform", `translate(${by} 0)`);
      strip.firstChild?.setAttribute("visibility", by > 1 ? "visible" : "hidden");
    };
    frame.addEventListener("scroll", pin);

    // The band that marks now, behind the drawing: over it, it would strike out the words of what has just happened.
    const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
    Object.entries({ stroke: "#ffb54a", "stroke-opacity": 0.5, "stroke-width": 11, "data-now": "yes" })
      .forEach(([key, value]) => line.setAttribute(key, value));
    svg.prepend(line);

    let timer = 0;
    function stop() {
      clearInterval(timer);
      timer = 0;
      playing.textContent = "Play";
    }
    function play() {
      if (timer) return stop();
      if (now === last) show(0);
      playing.textContent = "Pause";
      timer = setInterval(() => {
        if (!root.isConnected || now === last) stop(); else show(now + 1);
        if (now === last) stop();
      }, PACE);
    }

    // The lines of the table, by run and request; made when the table is first open.
    let rows = null;
    function light() {
      const pre = root.querySelector("details[open] pre");
      if (!pre) return;
      if (!rows) {
        rows = new Map();
        let run = 0;
        const lines = pre.textContent.split("\n").map((words) => {
          const span = document.createElement("span");
          span.textContent = `${words}\n`;
          if (!words) run += 1;
          const request = /^\s*(\d+) /.exec(words);
          if (request) rows.set(`${run} ${request[1]}`, span);
          return span;
        });
        pre.replaceChildren(...lines);
      }
      pre.querySelectorAll(".new").forEach((span) => span.classList.remove("new"));
      if (now < last) (told.rows[now] ?? []).forEach(([run, request]) => rows.get(`${run} ${request}`)?.classList.add("new"));
    }
    root.querySelector("details").addEventListener("toggle", light);

    // What the application believes and the log holds up to now; what is new there stands out.
    function fill() {
      for (const box of lists) {
        const entries = new Map(), fresh = new Set();
        for (const [step, entry, words] of box.changes) {
          if (step > now) continue;
          entries.set(entry, words);
          if (step === now) fresh.add(entry);
        }
        const text = [...entries].map(([entry, words]) => `${entry}: ${words}`).join("\n") + [...fresh].join();
        if (text === box.shown) continue;
        box.shown = text;
        box.list.replaceChildren(...[...entries].map(([entry, words]) => {
          const span = document.createElement("span");
          span.textContent = `${entry}: ${words}`;
          if (fresh.has(entry)) span.className = "new";
          return span;
        }));
        if (!entries.size) box.list.textContent = "nothing yet";
        box.list.parentElement.scrollTop = box.list.parentElement.scrollHeight;
      }
    }

    // Scroll to where something just happened: to all of it, else to its first mark. The page comes along only where somebody stepped.
    function follow(to, stepped = true) {
      const marks = groups[to].filter(solid).map((g) => g.getBoundingClientRect()), view = frame.getBoundingClientRect();
      if (!marks.length) return;
      const left = view.left + edge * svg.clientWidth / svg.viewBox.baseVal.width;
      const by = (from, till, low, high) => {
        const all = [Math.min(...marks.map((m) => m[from])), Math.max(...marks.map((m) => m[till]))];
        const [a, b] = all[1] - all[0] < high - low ? all : [marks[0][from], marks[0][till]];
        return a < low || b > high ? (a + b - low - high) / 2 : 0;
      };
      frame.scrollBy(by("left", "right", left, view.right), by("top", "bottom", view.top, view.bottom));
      const low = Math.max(...groups[to].filter(solid).map((g) => g.getBoundingClientRect().bottom));
      const below = Math.min(low, view.bottom) - player.getBoundingClientRect().top;
      if (stepped && below > 0 && !page.matches(".slide")) (page.matches("body") ? window : page).scrollBy(0, below + 8); // from under the bar
    }

    // The event, and at the end the finding where the title is not in view.
    function say() {
      const words = `${now + 1} of ${last + 1}. ${told.captions[now]}${large && now === last ? ` ${told.finding}` : ""}`;
      if (caption.textContent !== words) caption.textContent = words;
    }

    function show(wanted) {
      const to = Math.max(0, Math.min(last, wanted));
      for (let i = now + 1; i <= to; i++) groups[i].forEach((g) => { g.style.display = ""; });
      for (let i = to + 1; i <= now; i++) groups[i].forEach((g) => { g.style.display = "none"; });
      seen ||= to === last;
      if (root.dataset.seen !== `${seen}`) { // what stands beside the picture may wait for its end
        root.dataset.seen = seen;
        image.alt = seen ? alt : "The run so far. Step through it to hear what happens.";
        root.dispatchEvent(new Event("lesson-seen"));
      }
      // The drawing over it is whole at the end, and two would look bold. What nobody has seen yet is no ghost.
      image.style.opacity = to === last || !seen ? "0" : "0.22";
      groups[now].forEach((g) => g.classList.remove("new"));
      if (to < last) groups[to].filter(solid).forEach((g) => g.classList.add("new"));
      const [x1, y1, x2, y2] = to < last ? told.now[to] ?? [] : [];
      line.style.display = x1 === undefined ? "none" : "";
      if (x1 !== undefined) Object.entries({ x1, y1, x2, y2 }).forEach(([key, value]) => line.setAttribute(key, value));
      now = to;
      boxes.hidden = false;
      fill();
      light();
      slider.value = to;
      slider.setAttribute("aria-valuetext", `event ${to + 1} of ${last + 1}`);
      [first, back].forEach((b) => b.setAttribute("aria-disabled", String(to === 0)));
      [next, end].forEach((b) => b.setAttribute("aria-disabled", String(to === last)));
      caption.className = to === last ? "lesson-steps" : "";
      say();
      root.dataset.step = to;
      if (large && to < last) follow(to);
    }

    // Safari leaves the focus elsewhere when a control is clicked, and the next key would be the notebook's.
    bar.addEventListener("click", (event) => event.target.focus({ preventScroll: true }));
    const moves = { ArrowLeft: () => now - 1, ArrowDown: () => now - 1, ArrowRight: () => now + 1, ArrowUp: () => now + 1,
      PageDown: () => now - 10, PageUp: () => now + 10, Home: () => 0, End: () => last };
    [bar, frame].forEach((place) => place.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.key === "Tab" || event.key === "Escape"
        || (event.shiftKey && event.key === "Enter")) return;
      event.stopPropagation(); // in JupyterLab a plain key on a focused button is a command: d d deletes the cell
      if (moves[event.key]) {
        event.preventDefault();
        stop();
        show(moves[event.key]());
      }
    }, true));
    const text = root.querySelector("details"); // on paper nobody can open it
    let opened = false;
    addEventListener("beforeprint", () => { opened = !text.open; text.open = true; });
    addEventListener("afterprint", () => { if (opened) text.open = opened = false; });
    let seen = false;
    const openAt = (step) => { // -1: its end
      seen = false;
      show(step < 0 ? last : step);
      boxes.hidden = step < 0;
    };
    openAt(told.opens_at);
    // A page opens it anew: before the fault when somebody has predicted, or at the step of its choice.
    const fault = told.surprises.length ? Math.max(0, told.surprises[0] - 1) : -1;
    root.addEventListener("lesson-open", ({ detail }) => { stop(); openAt(detail ?? fault); });
    new ResizeObserver(room).observe(player);
    new ResizeObserver(room).observe(frame);
    addEventListener("resize", room);
  }

  function start(tries) {
    const near = script?.closest?.("[data-picture]");
    const roots = near ? [near] : document.querySelectorAll(`[data-picture="${name}"]`);
    const waiting = [...roots].filter((root) => !root.dataset.ready && root.querySelector("img"));
    waiting.forEach(begin);
    if (!waiting.length && tries) requestAnimationFrame(() => start(tries - 1)); // the output may not be in the page yet
  }
  start(30);
})(document.currentScript, /*NAME*/"", /*TOLD*/{});
