// What a card and a playground share: where they are, whose keys are whose, and the wire to the kernel (see kernel_link.py).
window.lessonWire ??= (() => {
  // JupyterLite's settings lie on the site's front page too, which is a page.
  const page = !document.querySelector("#jupyter-config-data:not([data-jupyter-lite-root='.'])") && !/vscode/.test(document.body.className);
  const make = (tag, attributes, html = "") => {
    const element = Object.assign(document.createElement(tag), { innerHTML: html });
    Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
    return element;
  };
  const style = (name, rules) => document.getElementById(name) ?? document.head.append(make("style", { id: name }, rules));
  // The fields of a wire are nobody's to see, nor what a notebook of yesterday says of a widget that it has lost.
  style("lesson-wire-style", ":is(.jp-OutputArea, .cell_container):has(.lesson-card, .lesson-playground) > .jp-OutputArea-child:has(> .lm-Panel.jp-OutputArea-output) { display: none; }");

  // A key goes to the one whose element has the focus, before the notebook, which would take `b` for a new cell and `d d` for
  // one less. What it does not use and leaves it (Tab, Escape, Shift+Enter) is everybody's.
  const owners = new WeakMap();
  window.addEventListener("keydown", (event) => {
    const owner = event.target.closest?.(".lesson-card, .lesson-playground");
    if (!owner || event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && event.key === "Enter")) return;
    const used = owners.get(owner)?.(event);
    if (used) event.preventDefault();
    if (used || !["Tab", "Escape"].includes(event.key)) event.stopPropagation();
  }, true);

  // A wire comes a little later than its output, and may go with its kernel: `woken` is called then and each time that the
  // kernel has told something, with what it told last.
  const wired = (root, here, name, woken) => {
    const area = here.closest(".jp-OutputArea, .cell_container") ?? root;
    const end = (kind) => area.querySelector(`.lesson-${kind}.${name}:not(.jupyter-widgets-disconnected)`);
    let heard = "";
    const look = () => {
      const text = end("told")?.textContent ?? "";
      woken(text && text !== heard ? JSON.parse(text) : null);
      heard = text;
    };
    setTimeout(() => {
      look();
      new MutationObserver(look).observe(area, { childList: true, subtree: true, attributeFilter: ["class"] });
    }, 1500);
    return {
      awake: () => Boolean(end("wire")?.querySelector("input")),
      send: (words) => {
        const input = end("wire").querySelector("input");
        input.value = words;
        input.dispatchEvent(new Event("input", { bubbles: true }));
      },
    };
  };
  return { page, make, style, wired, keys: (owner, use) => owners.set(owner, use) };
})();
