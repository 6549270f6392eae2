// One slide at a time, as large as the window allows: words are made smaller until all fits. A picture has the slide to itself,
// run by run where it has two; what belongs to it comes before and after it, and there the picture is a reminder.
(function () {
  const slides = [...document.querySelectorAll(".slide")];
  const WIDTH = 1280, HEIGHT = 720; // the window for which the type sizes are meant
  const STEP = 0.02, LEAST = 0.4, READABLE = 0.8; // of those sizes
  const NEARLY = 0.9, REMINDER = 0.3; // of the window's height: a picture that would get less is left out beside words
  const TALL = 700, PART = 560; // of a picture's own pixels: a run that is higher than the first comes in parts
  let now = -1, stops = [], at = 0;

  document.body.classList.add("live");
  document.querySelector(".turn").hidden = false;

  const fits = (slide) => slide.scrollHeight <= slide.clientHeight && slide.scrollWidth <= slide.clientWidth;
  const picturesOf = (slide) => [...slide.querySelectorAll(".lesson-picture")];
  const hide = (element) => element.classList.add("off"), hidden = (element) => element.classList.contains("off");
  const codeOf = (picture) => picture.closest(".fit > .cell").querySelector(".input");
  const sliderOf = (picture) => picture.querySelector("input[type=range]");

  // What a slide shows, one thing after the other: what stands before its picture, each event, each other run at its end, and
  // what is said about it. A clicker stops where something is `whole`.
  function stopsOf(slide) {
    const pictures = picturesOf(slide), found = [];
    if (!pictures.length) return [{ whole: true }];
    fit({ picture: pictures[0], run: 0 });
    slide.classList.toggle("code-first", hidden(codeOf(pictures[0]))); // a picture that leaves no room for its code
    const says = (part) => {
      dress(slide, { part });
      pictures.forEach(hide);
      return slide.innerText.trim();
    };
    if (says("before")) found.push({ part: "before", whole: true });
    for (const picture of pictures) {
      const last = +(sliderOf(picture)?.max ?? 0);
      for (let event = 0; event <= last; event += 1) found.push({ picture, event, whole: event === last });
      runsOf(picture).slice(1).forEach((_, n) => found.push({ picture, event: last, run: n + 1, whole: true }));
    }
    if (says("after")) found.push({ part: "after", whole: true });
    return found;
  }

  // Leave on a slide what belongs to a stop.
  function dress(slide, { part, picture }) {
    slide.querySelectorAll(".off").forEach((element) => element.classList.remove("off"));
    const cells = [...slide.querySelectorAll(".fit > .cell")], first = cells.findIndex((cell) => cell.querySelector(".lesson-picture"));
    if (part === "before") {
      const code = slide.matches(".code-first");
      cells.slice(code ? first + 1 : first).forEach(hide);
      if (code) hide(cells[first].querySelector(".output"));
    }
    if (part === "after") [...cells.slice(0, first), ...picturesOf(slide).map(codeOf), ...slide.querySelectorAll(".lesson-player")].forEach(hide);
    for (let e = picture; e && !e.matches(".fit"); e = e.parentElement) [...e.parentElement.children].filter((o) => o !== e).forEach(hide);
  }

  // Where each run of a picture begins and how high it is, in the picture's own pixels: at the largest letters, its title.
  function runsOf(picture) {
    const svg = picture.querySelector("svg"), image = picture.querySelector("img");
    const high = svg ? svg.viewBox.baseVal.height : image.naturalHeight * image.getAttribute("width") / (image.naturalWidth || 1);
    const texts = svg ? [...svg.querySelectorAll("[font-size] > text")] : [];
    const size = (text) => +text.parentElement.getAttribute("font-size"), largest = Math.max(...texts.map(size));
    const tops = texts.filter((text) => size(text) === largest).map((text) => text.getAttribute("y") - 1.5 * largest).sort((a, b) => a - b)
      .filter((top, n, all) => !n || top - all[n - 1] > 4 * largest); // a title may have two lines
    tops[0] = 0;
    return tops.map((top, n) => ({ top, height: (tops[n + 1] ?? high) - top })).flatMap(({ top, height }) => {
      const parts = height > TALL ? Math.ceil(height / PART) : 1, each = parts > 1 ? PART : height;
      return Array.from({ length: parts }, (_, n) => ({ top: top + n * (height - each) / (parts - 1 || 1), height: each, whole: high }));
    });
  }

  // The run of a stop: its own, or where its event is; the one in view where that is in both.
  function runOf({ picture, event, run }, before) {
    if (run !== undefined || !sliderOf(picture) || event === +sliderOf(picture).max) return run ?? 0;
    const runs = runsOf(picture);
    const found = [...picture.querySelectorAll(`svg [data-event="${event}"]`)].map((mark) => mark.getBBox())
      .map((box) => runs.findIndex(({ top, height }) => box.y + box.height / 2 <= top + height));
    return !found.length || found.includes(before) ? before : Math.min(...found); // an arrival graph draws no ack
  }

  function fit(stop = stops[at]) {
    const slide = slides[now], full = Math.min(innerWidth / WIDTH, innerHeight / HEIGHT);
    const tries = stop.part === "after" ? [[REMINDER, READABLE], [0, LEAST]] : [[0, LEAST]];
    let part, done = false;
    slide.classList.remove("long");
    dress(slide, stop);
    for (const [least, end] of tries) {
      for (part = 1; !done && part >= end; part -= done ? 0 : STEP) {
        slide.querySelector(".fit").style.zoom = full * part;
        done = place(slide, stop, full * part, least * innerHeight);
      }
    }
    slide.dataset.part = part.toFixed(2);
    slide.dataset.stop = at;
    slide.classList.toggle("long", !fits(slide)); // nothing is ever out of reach
    document.getElementById("place").textContent = `${now + 1} / ${slides.length}`;
  }

  // Give the picture what the words leave of the slide, and `least` at least; whether all fits then.
  function place(slide, stop, zoom, least) {
    const picture = stop.picture ?? (stop.part === "after" && picturesOf(slide)[0]);
    if (!picture) return fits(slide);
    picture.classList.toggle("off", !stop.picture && !least);
    if (hidden(picture)) return fits(slide);
    const frame = picture.querySelector("div:has(img)"), runs = runsOf(picture);
    const heights = (stop.picture ? runs : runs.slice(0, 1)).map((run) => run.height), own = picture.querySelector("img").getAttribute("width");
    frame.style.maxHeight = "0px";
    const room = () => slide.clientHeight - slide.querySelector(".fit").getBoundingClientRect().height - 2;
    const largest = () => Math.min(frame.getBoundingClientRect().width / own, room() / Math.max(...heights));
    if (room() < least) return false;
    let scale = largest();
    if (stop.picture) { // with its code, where that leaves it nearly as large
      const code = codeOf(picture);
      code.classList.remove("off");
      if (largest() < NEARLY * scale) hide(code);
      else scale = largest();
    }
    const run = stop.shown = stop.picture ? runOf(stop, stops[at - 1]?.shown ?? 0) : 0;
    frame.querySelectorAll("img, .lesson-sheet").forEach((e) => { e.style.width = e.style.minWidth = `${scale * own / zoom}px`; });
    frame.style.maxHeight = `${heights[run] * scale / zoom}px`;
    frame.scrollTop = frame.scrollHeight * runs[run].top / runs[run].whole;
    return fits(slide);
  }

  function stand(wanted) {
    at = wanted;
    const { picture, event, part } = stops[at];
    if (part === "after") picturesOf(slides[now]).forEach((one) => set(sliderOf(one), Infinity));
    if (picture) set(sliderOf(picture), event);
    fit();
  }

  function set(slider, value) {
    const to = slider && Math.min(value, slider.max);
    if (!slider || +slider.value === to) return;
    slider.value = to;
    slider.dispatchEvent(new Event("input"));
  }

  // To the next stop or the one before, of a clicker to the next that is whole; else to the next slide.
  function go(by, whole) {
    const to = by > 0 ? stops.findIndex((stop, n) => n > at && (stop.whole || !whole))
      : stops.findLastIndex((stop, n) => n < at && (stop.whole || !whole));
    if (to >= 0) stand(to);
    else show(now + by, by < 0 ? Infinity : whole ? "whole" : 0);
  }

  // Turn to a slide: to one of its stops, or to the first that is whole.
  function show(wanted, stop = "whole") {
    const to = Math.max(0, Math.min(slides.length - 1, wanted));
    if (to === now) return;
    slides[now]?.classList.remove("now");
    slides[to].classList.add("now");
    now = to;
    stops = stopsOf(slides[now]);
    const fromFirst = new CustomEvent("lesson-open", { detail: 0 }); // nothing of it is seen yet, no ghost and no verdict
    if (stop === 0) slides[now].querySelectorAll("[data-step]").forEach((picture) => picture.dispatchEvent(fromFirst));
    stand(stop === "whole" ? stops.findIndex(({ whole }) => whole) : Math.min(stop, stops.length - 1));
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
    if (Number.isFinite(by)) go(by, event.key in turns);
    else show(by);
  });
  document.getElementById("back").addEventListener("click", () => go(-1, true));
  document.getElementById("on").addEventListener("click", () => go(1, true));
  addEventListener("beforeprint", () => {
    document.querySelectorAll("[data-step] input[type=range]").forEach((slider) => set(slider, Infinity));
  });
  document.addEventListener("toggle", () => fit(), true);
  addEventListener("resize", () => fit());
  addEventListener("load", () => fit());
  new ResizeObserver(() => fit()).observe(document.body);

  // Where somebody moves a picture by hand, the slide comes along; and each event has words of its own.
  new MutationObserver(() => {
    const { picture, event } = stops[at], step = +(picture?.dataset.step ?? event);
    if (picture && step !== event) at = stops.findIndex((stop) => stop.picture === picture && stop.event === step);
    if ((picture && step !== event) || !fits(slides[now])) fit();
  }).observe(document.getElementById("slides"), { subtree: true, childList: true, attributeFilter: ["data-step"] });

  // An address names a slide by its number or by a heading, as GitHub writes it: #then-the-ack-gets-lost
  const slug = (words) => words.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").trim().replace(/\s/g, "-");
  const addressed = () => {
    const name = decodeURIComponent(location.hash.slice(1));
    const heading = [...document.querySelectorAll(".slide :is(h1, h2, h3)")].find((one) => slug(one.textContent) === slug(name));
    return heading ? slides.indexOf(heading.closest(".slide")) : (parseInt(name, 10) || 1) - 1;
  };
  addEventListener("hashchange", () => show(addressed()));
  show(addressed());
})();
