// One slide at a time, as large as the window allows: words are made smaller until all fits. A picture is never smaller than its
// labels can be read from the back of a room: one that is larger than its place is scrolled in itself, to where something happens.
(function () {
  const slides = [...document.querySelectorAll(".slide")];
  const WIDTH = 1280, HEIGHT = 720; // the window for which the type sizes are meant
  const STEP = 0.02, LEAST = 0.4; // of those sizes
  const READABLE = 1.27; // of a picture's own size: its least labels have 14 pixels
  const PLACES = [[0.62, 0.78], [0.33, LEAST]]; // of the window's height for pictures that need it: words smaller first, then they
  let now = -1;

  document.body.classList.add("live");
  document.querySelector(".turn").hidden = false;
  document.querySelectorAll(".lesson-picture details").forEach((text) => text.removeAttribute("open"));

  const fits = (slide) => slide.scrollHeight <= slide.clientHeight && slide.scrollWidth <= slide.clientWidth;

  function fit(slide) {
    const content = slide.querySelector(".fit"), full = Math.min(innerWidth / WIDTH, innerHeight / HEIGHT);
    let part, done = false;
    slide.classList.remove("long");
    for (const [least, end] of PLACES) {
      for (part = 1; !done && part >= end; part -= done ? 0 : STEP) {
        content.style.zoom = full * part;
        done = place(slide, full * part, least * innerHeight);
      }
    }
    slide.dataset.part = part.toFixed(2);
    slide.classList.toggle("long", !fits(slide)); // nothing is ever out of reach
    document.getElementById("place").textContent = `${now + 1} / ${slides.length}`;
  }

  // Give the pictures what the words leave of the slide's height; whether all fits then.
  function place(slide, zoom, least) {
    const frames = [...slide.querySelectorAll(".lesson-picture > div:has(img)")];
    frames.forEach((frame) => {
      const image = frame.querySelector("img"), wide = `${READABLE * image.getAttribute("width") / zoom}px`;
      [image, image.parentElement].forEach((e) => { e.style.minWidth = wide; });
      frame.style.maxHeight = "none";
    });
    const over = slide.scrollHeight - slide.clientHeight, highs = frames.map((frame) => frame.getBoundingClientRect().height);
    if (over <= 0 || !frames.length) return fits(slide);
    const all = highs.reduce((sum, high) => sum + high), left = all - over;
    if (left < Math.min(all, least)) return false;
    frames.forEach((frame, n) => { frame.style.maxHeight = `${(highs[n] * left / all - 2) / zoom}px`; });
    return fits(slide);
  }

  // A picture's next event is a step of its slide, and so is the one before; false where none is left.
  function step(by) {
    const sliders = [...slides[now].querySelectorAll("[data-step] input[type=range]")];
    const slider = by > 0 ? sliders.find((one) => +one.value < +one.max) : sliders.findLast((one) => +one.value > 0);
    if (slider) set(slider, +slider.value + by);
    return !!slider;
  }

  function set(slider, value) {
    slider.value = value;
    slider.dispatchEvent(new Event("input"));
  }

  function show(wanted, fromStart) {
    const to = Math.max(0, Math.min(slides.length - 1, wanted));
    if (to === now) return;
    slides[now]?.classList.remove("now");
    slides[to].classList.add("now");
    now = to;
    const fromFirst = new CustomEvent("lesson-open", { detail: 0 }); // nothing of it is seen yet, no ghost and no verdict
    if (fromStart) slides[now].querySelectorAll("[data-step]").forEach((picture) => picture.dispatchEvent(fromFirst));
    fit(slides[now]);
    slides[now].focus({ preventScroll: true });
    history.replaceState(null, "", `#${now + 1}`);
  }

  const steps = { ArrowRight: 1, ArrowDown: 1, " ": 1, ArrowLeft: -1, ArrowUp: -1 };
  const turns = { PageDown: 1, PageUp: -1, Home: -Infinity, End: Infinity };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const by = steps[event.key] ?? turns[event.key];
    if (!by || (event.target.closest?.("input, select, textarea, summary, button, a, pre") && !event.key.startsWith("Page"))) return;
    event.preventDefault();
    if (event.key in turns) show(now + by);
    else if (!step(by)) show(now + by, by > 0);
  });
  document.getElementById("back").addEventListener("click", () => show(now - 1));
  document.getElementById("on").addEventListener("click", () => show(now + 1));
  addEventListener("beforeprint", () => {
    document.querySelectorAll("[data-step] input[type=range]").forEach((slider) => set(slider, slider.max));
  });
  document.addEventListener("toggle", () => fit(slides[now]), true);
  addEventListener("resize", () => fit(slides[now]));
  addEventListener("load", () => fit(slides[now]));
  addEventListener("hashchange", () => show((parseInt(location.hash.slice(1), 10) || 1) - 1));
  // The pictures of hidden slides have become steppers by now or will: each slide is measured when it is shown.
  new ResizeObserver(() => fit(slides[now])).observe(document.body);
  // A step has words of its own, and the first one opens two boxes.
  const words = new MutationObserver(() => { if (!fits(slides[now])) fit(slides[now]); });
  words.observe(document.getElementById("slides"), { subtree: true, childList: true, attributeFilter: ["data-step"] });
  show((parseInt(location.hash.slice(1), 10) || 1) - 1);
})();
