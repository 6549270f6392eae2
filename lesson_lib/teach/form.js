// The twelve questions of a form, one at a time: closed until its button is pressed, and without a word on any answer.
// All that was answered goes through the wire each time, so nothing is lost where a busy kernel sees only the last of it.
(function (here, data) {
  const { make, page, style, wired, keys } = window.lessonWire;
  style("lesson-card-style", data.css);
  const card = here.previousElementSibling;
  const asleep = card.querySelector(".lesson-asleep");
  if (!data.questions.length) {
    if (window.lessonFocus !== data.name) return;
    window.lessonFocus = "";
    setTimeout(() => card.focus({ preventScroll: true }));
    return;
  }
  if (page) {
    asleep.textContent = "They are asked in the notebook of this lesson.";
    return;
  }
  const total = data.questions.length, CLOSED = -1;
  let given = [...data.given], at = CLOSED;
  const view = make("div", {}), trouble = make("p", { role: "alert" });
  const count = () => given.filter((key) => key !== ".").length;
  const row = (...buttons) => {
    const all = make("div", { class: "lesson-sure" });
    all.append(...buttons.filter(Boolean));
    return all;
  };
  const button = (words, press, attributes = {}) => {
    const made = make("button", { type: "button", ...attributes }, words);
    made.addEventListener("click", press);
    return made;
  };
  const go = (place) => {
    at = place;
    draw();
    (view.querySelector("[tabindex]") ?? card).focus({ preventScroll: true });
  };
  const finish = () => {
    if (!wire.awake()) return wake();
    window.lessonFocus = data.name; // the kernel answers with the card anew
    wire.send(`${given.join("")}!`);
    view.replaceChildren(make("p", { role: "status" }, "One moment. A busy kernel answers when it's done."));
  };
  const pick = (key) => {
    if (!wire.awake()) return wake();
    given[at] = key;
    wire.send(given.join(""));
    const next = given.indexOf(".", at);
    go(next < 0 ? total : next);
  };
  const stop = () => go(CLOSED);
  const closed = () => {
    const begin = count() ? `Go on (${count()} of ${total} answered)` : data.begin;
    return [row(button(begin, () => go(given.includes(".") ? given.indexOf(".") : total)), count() || data.ends ? button(data.end, finish) : null)];
  };
  const last = () => {
    const open = given.flatMap((key, n) => (key === "." ? [n + 1] : []));
    const left = open.length ? ` You left out ${open.join(", ")}.` : "";
    return [make("p", { tabindex: "-1" }, `You answered ${count()} of ${total}.${left}`),
      row(button("Back", () => go(total - 1)), button("Stop", stop), button(data.end, finish))];
  };
  const one = () => {
    const { text, options } = data.questions[at], answered = given[at] !== ".";
    const asked = make("p", { tabindex: "-1", id: `${data.name}-asked` }, `<strong>${at + 1} of ${total}.</strong> ${text}`);
    const choices = make("div", { role: "group", "aria-labelledby": asked.id });
    choices.append(...options.map((words, n) => {
      const key = "abcd"[n], made = button(`<span class="lesson-key">${key}</span>${words}`, () => pick(key), { "aria-pressed": given[at] === key });
      made.disabled = answered;
      return made;
    }));
    return [...(at ? [] : [make("p", {}, data.how)]), asked, choices, row(at ? button("Back", () => go(at - 1)) : null,
      button(answered ? "Next" : "Skip", () => go(at + 1)), button("Stop", stop))];
  };
  const draw = () => {
    card.querySelector("p").hidden = at !== CLOSED;
    view.replaceChildren(...(at === CLOSED ? closed() : at < total ? one() : last()));
  };
  const wire = wired(card, here, data.name, (told) => {
    if (told) {
      given = given.map((key, n) => (told.given[n] === "." ? key : told.given[n]));
      trouble.textContent = told.trouble;
    }
    wake();
  });
  const wake = () => {
    const awake = wire.awake();
    if (asleep.hidden === awake && view.hidden !== awake) return;
    asleep.hidden = awake;
    view.hidden = !awake;
    if (awake) draw();
  };
  keys(card, (event) => {
    const place = "abcd".indexOf(event.key);
    if (at === CLOSED || view.hidden) return false;
    if (event.key === "ArrowLeft" && at > 0) go(at - 1);
    else if (event.key === "ArrowRight" && at < total) go(at + 1);
    else if (at < total && given[at] === "." && place >= 0 && place < data.questions[at].options.length) pick(event.key);
    else return false;
    return true;
  });
  view.hidden = true;
  asleep.before(view, trouble);
})
