// Finds sections of all pages that hold every word typed. The index is search-index.js, beside the pages: no request leaves the folder.
(function () {
  const field = document.getElementById("search");
  const list = document.getElementById("found");
  const count = document.getElementById("found-count");
  const MOST = 20;
  const plain = (text) => text.toLowerCase().normalize("NFKD").replace(/[^\p{L}\p{N}_=-]+/gu, " ").trim();

  // A phrase in a heading says most about a section, then words in its heading, in the lesson's title, and how often they occur.
  function score(section, phrase, words) {
    const heading = plain(section.heading), lesson = plain(section.lesson), text = plain(section.text);
    const all = `${lesson} ${heading} ${text}`;
    if (!words.every((word) => all.includes(word))) return 0;
    const times = words.reduce((sum, word) => sum + Math.min(5, text.split(word).length - 1), 0);
    const hits = (where) => words.filter((word) => where.includes(word)).length;
    return (heading.includes(phrase) ? 40 : 0) + (lesson.includes(phrase) ? 30 : 0) + (text.includes(phrase) ? 10 : 0)
      + 8 * hits(heading) + 4 * hits(lesson) + times;
  }

  function excerpt(text, words) {
    const places = words.map((word) => text.toLowerCase().indexOf(word)).filter((n) => n >= 0);
    const at = places.length ? Math.min(...places) : 0;
    const from = Math.max(0, at - 60);
    return (from ? "… " : "") + text.slice(from, from + 160).trim() + (from + 160 < text.length ? " …" : "");
  }

  function entry(section, words) {
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = section.address;
    link.textContent = section.heading === section.lesson ? section.lesson : `${section.lesson}: ${section.heading}`;
    const some = document.createElement("small");
    some.textContent = excerpt(section.text, words);
    item.append(link, some);
    return item;
  }

  function search() {
    const phrase = plain(field.value);
    const words = phrase.split(" ").filter(Boolean);
    const found = (words.length ? window.lessonSections || [] : [])
      .map((section) => [score(section, phrase, words), section]).filter(([points]) => points)
      .sort((a, b) => b[0] - a[0]).map(([, section]) => section);
    list.replaceChildren(...found.slice(0, MOST).map((section) => entry(section, words)));
    list.hidden = !found.length;
    count.textContent = !words.length ? "" : !found.length ? `Nothing holds all of: ${words.join(", ")}.`
      : `${found.length} ${found.length === 1 ? "section" : "sections"}${found.length > MOST ? `, the best ${MOST} shown` : ""}.`;
  }

  field.addEventListener("input", search);
  document.addEventListener("keydown", (event) => {
    const links = [field, ...list.querySelectorAll("a")];
    const at = links.indexOf(document.activeElement);
    if (event.key === "Escape" && at >= 0) { field.value = ""; search(); field.focus(); }
    if (at >= 0 && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      links[Math.max(0, Math.min(links.length - 1, at + (event.key === "ArrowDown" ? 1 : -1)))].focus();
    }
    if (event.key === "Enter" && at === 0) list.querySelector("a")?.click();
  });
})();
