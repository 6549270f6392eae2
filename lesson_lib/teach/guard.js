// Keeps the keys of a playground's controls, and makes pictures that appear among them step: a script in a widget's value is
// not run by the front end. Where there are no controls, as the day after, it says that the cell is to be run. Once an output.
(function (here) {
  const ours = (event) => {
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    const leaves = event.key === "Tab" || event.key === "Escape" || (event.key === "Enter" && event.shiftKey);
    return plain && !leaves;
  };
  const guard = (event) => { if (ours(event)) event.stopPropagation(); };
  // Safari leaves the focus elsewhere when a control is clicked, and the next key would be the notebook's.
  const focus = (event) => event.target.closest("button, input")?.focus({ preventScroll: true });
  // Notebook 7 looks at a key before it gets down to the controls, but leaves one alone that is pressed on such an element.
  const tell = (event) => {
    const inside = event.target.closest?.(".lesson-playground");
    if (inside) event.target.toggleAttribute("data-lm-suppress-shortcuts", ours(event));
  };
  if (!window.lessonKeys) {
    window.lessonKeys = true;
    window.addEventListener("keydown", tell, true);
  }
  const keep = (box) => {
    box.dataset.guarded = "yes";
    box.addEventListener("keydown", guard);
    box.addEventListener("click", focus);
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", "Playground");
    box.style.setProperty("--jp-widgets-dropdown-arrow", ARROW);
  };
  const run = (script) => {
    const running = document.createElement("script");
    running.textContent = script.textContent;
    running.dataset.running = "yes";
    script.replaceWith(running);
  };
  // The arrow of a drop-down is black, which a dark theme hides; this grey is seen on white and on black.
  const ARROW = "url('data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22 viewBox=%220 0 18 18%22%3E"
    + "%3Cpath d=%22M5 7l4 4 4-4%22 fill=%22none%22 stroke=%22%23808080%22 stroke-width=%222%22/%3E%3C/svg%3E')";
  const upgrade = (area) => {
    area.querySelectorAll(".lesson-playground [data-picture] > script:not([data-running])").forEach(run);
    area.querySelectorAll(".lesson-playground:not([data-guarded])").forEach(keep);
    const words = area.querySelector(".lesson-playground-words p");
    if (words) words.hidden = Boolean(area.querySelector(".lesson-playground"));
    area.querySelectorAll(".jp-OutputArea-output.jupyter-widgets").forEach((error) => { error.hidden = true; }); // of yesterday
  };
  // VS Code puts each output of a cell into a container of its own; the controls are in the next one.
  const area = here && (here.closest(".jp-OutputArea, .cell_container") || here.parentElement.parentElement);
  if (!area) return;
  // Parts of a control come one by one, and in no order: its class may come after its buttons.
  new MutationObserver(() => upgrade(area)).observe(area, { childList: true, subtree: true, attributeFilter: ["class"] });
  upgrade(area);
})(document.currentScript);
