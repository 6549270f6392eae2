// Turns each finished picture of this name into one that can be stepped through. No network, no kernel, no autoplay.
// The image stays as a pale ghost (the future); the same drawing lies over it, with the events up to now shown.
(function (script, name, told) {
  // On paper a button is dead and nothing can be scrolled.
  const PAPER = "@media print { .lesson-steps { display: none !important } .lesson-sheet { break-inside: avoid }"
    + " .lesson-sheet, .lesson-sheet img { min-width: 0 !important }"
    + " .lesson-picture pre { white-space: pre-wrap !important; overflow: visible !important; font-size: 70% } }";

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
    const image = root.querySelector("img"), frame = image.parentElement;
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
    let now = last;

    make("style", {}, root).textContent = PAPER;
    const bar = document.createElement("div");
    bar.className = "lesson-steps";
    bar.style.cssText = "display:flex;flex-wrap:wrap;gap:6px;align-items:center;max-width:1000px;margin:4px 0";
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", "Step through the picture");
    frame.after(bar);
    const button = (text, action) => {
      const b = make("button", { type: "button", "data-lm-suppress-shortcuts": "true" }, bar);
      b.textContent = text;
      b.addEventListener("click", action);
      return b;
    };
    const back = button("Previous event", () => show(now - 1));
    const slider = make("input", { type: "range", min: 0, max: last, value: last, step: 1, "aria-label": "Event",
      "data-lm-suppress-shortcuts": "true", style: "flex:1 1 160px;min-width:120px" }, bar);
    const next = button("Next event", () => show(now + 1));
    const surprise = button("Next surprise", () => show(told.surprises.find((n) => n > now) ?? told.surprises[0] ?? last));
    const caption = make("p", { role: "status", "aria-live": "polite", style: "margin:4px 0;min-height:2.8em;max-width:1000px" }, root);
    bar.after(caption);
    slider.addEventListener("input", () => show(+slider.value));
    surprise.setAttribute("aria-disabled", String(!told.surprises.length));
    let narrow = false; // whether only a part of the picture is in view
    new ResizeObserver(() => { narrow = frame.scrollWidth > frame.clientWidth; }).observe(frame);

    // Scroll to where something just happened.
    function follow(to) {
      const [mark, view] = [groups[to][0], frame].map((e) => e?.getBoundingClientRect());
      if (mark && (mark.left < view.left || mark.right > view.right)) {
        frame.scrollLeft += (mark.left + mark.right - view.left - view.right) / 2;
      }
    }

    function show(wanted) {
      const to = Math.max(0, Math.min(last, wanted));
      for (let i = now + 1; i <= to; i++) groups[i].forEach((g) => { g.style.display = ""; });
      for (let i = to + 1; i <= now; i++) groups[i].forEach((g) => { g.style.display = "none"; });
      image.style.opacity = to === last ? "0" : "0.22"; // the drawing over it is whole then, and two would look bold
      now = to;
      slider.value = to;
      slider.setAttribute("aria-valuetext", `event ${to + 1} of ${last + 1}`);
      back.setAttribute("aria-disabled", String(to === 0));
      next.setAttribute("aria-disabled", String(to === last));
      caption.className = to === last ? "lesson-steps" : "";
      caption.textContent = `${to + 1} of ${last + 1}. ${told.captions[to]}`;
      root.dataset.step = to;
      if (narrow) follow(to);
    }

    // Safari leaves the focus elsewhere when a control is clicked, and the next key would be the notebook's.
    bar.addEventListener("click", (event) => event.target.focus({ preventScroll: true }));
    const moves = { ArrowLeft: () => now - 1, ArrowDown: () => now - 1, ArrowRight: () => now + 1, ArrowUp: () => now + 1,
      PageDown: () => now - 10, PageUp: () => now + 10, Home: () => 0, End: () => last };
    bar.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.key === "Tab" || event.key === "Escape"
        || (event.shiftKey && event.key === "Enter")) return;
      event.stopPropagation(); // in JupyterLab a plain key on a focused button is a command: d d deletes the cell
      if (moves[event.key]) {
        event.preventDefault();
        show(moves[event.key]());
      }
    }, true);
    const text = root.querySelector("details:not([open])"); // closed beneath two runs; on paper nobody can open it
    if (text) {
      let opened = false;
      addEventListener("beforeprint", () => { opened = !text.open; text.open = true; });
      addEventListener("afterprint", () => { if (opened) text.open = opened = false; });
    }
    show(last);
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
