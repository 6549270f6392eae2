// One slide at a time, as large as the window allows: what is too high is made smaller until it fits. A picture of two runs that
// would be too small to be read is shown one run after the other.
(function () {
  const slides = [...document.querySelectorAll(".slide")];
  const WIDTH = 1280, HEIGHT = 720; // the window for which the type sizes are meant
  const STEP = 0.02, LEAST = 0.4; // of those sizes
  const ENOUGH = 0.8; // of those sizes: no need to try another layout
  const READABLE = 0.75; // of those sizes: below it, two runs are shown one after the other
  let now = -1;
  let run = 0, runs = 1; // which of the picture's runs is shown alone, and of how many; 1: the whole picture is shown

  document.body.classList.add("live");
  document.querySelector(".turn").hidden = false;
  document.querySelectorAll(".lesson-picture details").forEach((text) => text.removeAttribute("open"));

  const fits = (slide) => slide.scrollHeight <= slide.clientHeight && slide.scrollWidth <= slide.clientWidth;

  // Make the slide's content smaller until it fits, and say how much is left of its size.
  function shrink(slide) {
    const content = slide.querySelector(".fit");
    const full = Math.min(innerWidth / WIDTH, innerHeight / HEIGHT);
    for (let part = 1; ; part -= STEP) {
      content.style.zoom = full * part;
      if (part <= LEAST || fits(slide)) return part;
    }
  }

  function bothRuns(slide) {
    const frame = slide.querySelector(".one-run");
    if (frame) { frame.firstChild.style.transform = ""; frame.replaceWith(frame.firstChild); }
  }

  function oneRun(slide) {
    const sheet = slide.querySelector("[data-divided] .lesson-sheet"), image = sheet.querySelector("img");
    const at = +sheet.closest("[data-divided]").dataset.divided;
    const frame = document.createElement("div");
    frame.className = "one-run";
    frame.style.width = `${image.naturalWidth}px`;
    frame.style.aspectRatio = `${image.naturalWidth} / ${image.naturalHeight * (run ? 1 - at : at)}`;
    sheet.replaceWith(frame);
    frame.append(sheet);
    sheet.style.transform = run ? `translateY(${-100 * at}%)` : "";
  }

  function fit(slide) {
    bothRuns(slide);
    let part = arrange(slide);
    runs = part < READABLE && slide.querySelectorAll("[data-divided] .lesson-sheet").length === 1 ? 2 : 1;
    run = Math.min(run, runs - 1);
    if (runs > 1) { oneRun(slide); part = arrange(slide); }
    slide.dataset.part = part.toFixed(2);
    slide.classList.toggle("long", !fits(slide)); // nothing is ever out of reach
    document.getElementById("place").textContent = `${now + 1} / ${slides.length}${runs > 1 ? `, run ${run + 1} of ${runs}` : ""}`;
  }

  // The words below the picture or beside it, whichever leaves the picture larger; returns the size as `shrink` does.
  function arrange(slide) {
    const pictures = slide.querySelectorAll(".lesson-picture img");
    const width = () => pictures[0].getBoundingClientRect().width;
    slide.classList.remove("long", "beside");
    let part = shrink(slide);
    if (pictures.length === 1 && part < ENOUGH) { // is it larger with its words beside it?
      const before = width();
      slide.classList.add("beside");
      part = shrink(slide);
      if (width() <= before || !fits(slide)) { slide.classList.remove("beside"); part = shrink(slide); }
    }
    return part;
  }

  // One further or one back: to the other run of this slide, or to another slide.
  function turn(by) {
    const wanted = run + by;
    if (wanted === 0 || wanted === runs - 1) { run = wanted; fit(slides[now]); }
    else show(now + by, by === -1);
  }

  function show(wanted, fromBehind) {
    const to = Math.max(0, Math.min(slides.length - 1, wanted));
    if (to === now) return;
    slides[now]?.classList.remove("now");
    slides[to].classList.add("now");
    now = to;
    run = fromBehind ? 1 : 0;
    fit(slides[now]);
    slides[now].focus({ preventScroll: true });
    history.replaceState(null, "", `#${now + 1}`);
  }

  const moves = { ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1, Home: -Infinity, End: Infinity };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in moves)) return;
    if (event.target.closest?.("input, select, textarea, summary, button, a, pre") && event.key !== "PageDown" && event.key !== "PageUp") return;
    event.preventDefault();
    turn(moves[event.key]);
  });
  document.getElementById("back").addEventListener("click", () => turn(-1));
  document.getElementById("on").addEventListener("click", () => turn(1));
  document.addEventListener("toggle", () => fit(slides[now]), true);
  addEventListener("resize", () => fit(slides[now]));
  addEventListener("load", () => fit(slides[now]));
  addEventListener("hashchange", () => show((parseInt(location.hash.slice(1), 10) || 1) - 1));
  // The pictures of hidden slides have become steppers by now or will: each slide is measured when it is shown.
  new ResizeObserver(() => fit(slides[now])).observe(document.body);
  show((parseInt(location.hash.slice(1), 10) || 1) - 1);
})();
