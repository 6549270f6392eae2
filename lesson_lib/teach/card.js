// The card of a question, the same in a notebook, in the book and on any exported page. The text is there without it; this
// turns the options into buttons and folds the card to one line once it is answered.
// Where an answer goes: in a notebook through the wire to the kernel, on a page into the browser's own storage.
(function (here, data) {
  const { make, page, style, wired } = window.lessonWire;
  style("lesson-card-style", data.css);
  const place = `lesson-answer ${data.id}`, played = `lesson-played ${data.id}`;
  const kept = (key = place) => {
    try { return JSON.parse(localStorage.getItem(key)) ?? {}; } catch { return {}; }
  };
  const keep = (key, value) => {
    try { localStorage.setItem(key, JSON.stringify(value)); } catch { /* a browser that keeps nothing forgets it later */ }
  };
  const onSlide = here.closest("#slides, .reveal");

  // The run that a prediction is about: on a page it waits for the prediction. What it says to one waits, out of sight in its
  // place, for the picture's last event, once; a page that was made with the answer says it at once.
  const reveal = (run) => {
    const picture = run.querySelector("[data-picture]"), END = -1;
    const openAt = (step) => picture?.dispatchEvent(new CustomEvent("lesson-open", { detail: step }));
    const judge = (given) => {
      if (data.lines[given]) run.querySelector("[data-outcome]").outerHTML = data.lines[given];
      const line = run.querySelector("[data-outcome]");
      if (!line.querySelector(".lesson-verdict")) line.innerHTML = `<span class="lesson-hint">${data.hint}</span><span class="lesson-verdict">${line.innerHTML}</span>`;
    };
    picture?.addEventListener("lesson-seen", () => {
      if (picture.dataset.seen === "true" && (data.given || kept().given)) keep(played, true);
    });
    judge("");
    if (data.given && (page || kept(played) === true)) openAt(END);
    if (!page || onSlide || !document.getElementById(data.name)) return;
    const show = make("button", { type: "button" }, "Show it without an answer");
    const wait = make("p", { class: "lesson-wait" }, "The run opens here once you have answered the question above. ");
    const open = (given) => {
      wait.hidden = true;
      run.hidden = false;
      judge(given);
    };
    wait.append(show);
    run.before(wait);
    run.hidden = true;
    show.addEventListener("click", () => open(""));
    window.addEventListener(place, () => {
      if (run.hidden) openAt();
      open(kept().given);
    });
    if (kept().given && !data.given && kept(played) !== true) openAt();
    if (kept().given || data.given) open(kept().given);
  };

  const ask = (card) => {
    const body = card.querySelector(".lesson-body");
    const asleep = card.querySelector(".lesson-asleep");
    const wire = wired(card, here, data.name, () => wake());
    const now = { given: data.given, sure: data.sure, ...(page ? kept() : {}) };
    let picked = now.given;
    const sure = make("div", { class: "lesson-sure", role: "group", "aria-label": "How sure are you?" },
      '<span aria-hidden="true">How sure are you?</span>');
    const options = make("div", { role: "group", "aria-label": "Options" }, "");
    const fold = make("button", { type: "button", class: "lesson-fold" }, "");
    const said = make("div", {}, "");
    const turn = (open) => {
      fold.setAttribute("aria-expanded", open);
      body.hidden = !open;
    };
    const show = () => {
      options.childNodes.forEach((button) => button.setAttribute("aria-pressed", button.dataset.key === picked));
      sure.querySelectorAll("button").forEach((button, n) => {
        button.setAttribute("aria-pressed", picked === now.given && n + 1 === now.sure);
      });
      sure.hidden = !picked || !data.sures.length;
      fold.hidden = !now.given;
      const words = now.sure ? `${now.given}, ${data.sures[now.sure - 1].toLowerCase()}` : now.given;
      const first = data.first && data.first !== now.given ? ` Your first answer, ${data.first}, stays on record.` : "";
      const then = page ? data.onPage : asleep.hidden ? data.then : "";
      fold.textContent = `You said ${words}. ${then}${first}`.trim();
      said.innerHTML = data.verdicts[now.given] ?? "";
    };
    const commit = (number) => {
      if (!page && !wire.awake()) return wake();
      if (!now.given) keep(played, false); // for those who start over
      Object.assign(now, { given: picked, sure: number });
      show();
      turn(false);
      fold.focus({ preventScroll: true });
      if (page) {
        keep(place, now);
        window.dispatchEvent(new Event(place));
      } else {
        window.lessonFocus = data.id; // the kernel answers with the card anew
        wire.send(`${now.given}${number || ""}`);
      }
    };
    const wake = () => {
      const awake = page || wire.awake();
      if (asleep.hidden === awake) return;
      asleep.hidden = awake;
      show();
    };
    data.options.forEach((text, n) => {
      const key = "abcd"[n];
      const button = make("button", { type: "button", "data-key": key }, `<span class="lesson-key">${key}</span>${text}`);
      button.addEventListener("click", () => {
        picked = key;
        if (data.sures.length) show();
        else commit(0);
      });
      options.append(button);
    });
    data.sures.forEach((text, n) => {
      const button = make("button", { type: "button" }, text);
      button.addEventListener("click", () => commit(n + 1));
      sure.append(button);
    });
    fold.addEventListener("click", () => turn(body.hidden));
    card.addEventListener("click", (event) => event.target.closest("button")?.focus({ preventScroll: true })); // for Safari
    const list = body.querySelector("ol"); // for paper
    list.hidden = true;
    list.after(options, sure);
    card.querySelector(".lesson-line")?.remove();
    if (page) card.querySelector("details")?.remove();
    card.prepend(fold);
    card.append(said);
    card.append(asleep);
    asleep.hidden = true;
    show();
    turn(!now.given);
    setTimeout(() => {
      const busy = document.activeElement?.matches("input, textarea, select, button, [contenteditable]");
      if (window.lessonFocus === data.id && !busy) fold.focus({ preventScroll: true });
      if (window.lessonFocus === data.id) window.lessonFocus = "";
    });
  };

  const what = here.previousElementSibling;
  // On a slide a room answers by a show of hands: the question is there with its options, and the run is on the next slide.
  if (data.lines) reveal(what);
  else if (onSlide) what.querySelectorAll(".lesson-body details, .lesson-asleep").forEach((part) => part.remove());
  else ask(what);
})
