// The list of contents: beside the page where there is room, else folded on its top. It says where one is.
(function () {
  const nav = document.querySelector(".sections"), box = nav.querySelector("details"), here = nav.querySelector("summary span");
  const links = [...nav.querySelectorAll("ol ol a")];
  const heads = links.map((link) => document.getElementById(decodeURIComponent(link.hash.slice(1))));
  const wide = matchMedia("(min-width: 1240px)"); // as in page.css
  const fold = () => { box.open = wide.matches; };

  function mark() {
    const place = (head) => (head.closest("details:not([open])") ?? head).getBoundingClientRect().top;
    const now = links[heads.findLastIndex((head) => place(head) < innerHeight / 3)];
    here.textContent = now ? `: ${now.textContent}` : "";
    if (now?.matches("[aria-current]")) return;
    nav.querySelector("[aria-current=true]")?.removeAttribute("aria-current");
    now?.setAttribute("aria-current", "true");
    if (now && wide.matches) nav.scrollTop = now.offsetTop - nav.clientHeight / 2;
  }

  links.forEach((link, n) => link.addEventListener("click", () => {
    heads[n].closest("details")?.setAttribute("open", ""); // not every browser opens what an address leads into
    fold();
  }));
  wide.addEventListener("change", fold);
  addEventListener("scroll", mark, { passive: true });
  fold();
  mark();
})();
