// What the page's pictures cannot do alone: the trial under the pointer or the focus, the same trial in all charts, a filter.
(() => {
  const hover = document.getElementById("hover");
  const texts = JSON.parse(document.getElementById("texts").textContent);
  const pictures = JSON.parse(document.getElementById("pictures").textContent);
  const points = (trial) => document.querySelectorAll(`svg a[href="#trial-${trial}"]`);
  document.querySelectorAll("svg a title").forEach((title) => title.remove()); // the card says it better

  function show(link) {
    const trial = link.getAttribute("href").slice(7);
    points(trial).forEach((point) => point.classList.add("marked"));
    hover.textContent = texts[trial] || `trial ${trial}`;
    if (pictures[trial]) {
      const image = hover.appendChild(document.createElement("img"));
      image.src = pictures[trial];
      image.alt = "six pictures above their redrawings";
    }
    hover.hidden = false;
    const at = link.getBoundingClientRect();
    const left = Math.min(at.left + scrollX + 14, scrollX + document.documentElement.clientWidth - hover.offsetWidth - 8);
    hover.style.left = `${Math.max(8, left)}px`;
    hover.style.top = `${at.bottom + scrollY + 10}px`;
  }
  function hide() {
    hover.hidden = true;
    document.querySelectorAll(".marked").forEach((point) => point.classList.remove("marked"));
  }
  document.querySelectorAll('svg a[href^="#trial-"]').forEach((link) => {
    link.addEventListener("mouseenter", () => show(link));
    link.addEventListener("focus", () => show(link));
    link.addEventListener("mouseleave", hide);
    link.addEventListener("blur", hide);
  });
  addEventListener("keydown", (event) => event.key === "Escape" && hide());

  document.querySelectorAll("input.filter").forEach((input) => {
    const table = input.closest("section").querySelector("table.sortable");
    const filter = () => {
      const words = input.value.toLowerCase().split(/\s+/);
      let shown = 0;
      for (const row of table.tBodies[0].rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
        shown += !row.hidden;
      }
      input.nextElementSibling.textContent = `${shown} of ${table.tBodies[0].rows.length}`;
    };
    input.addEventListener("input", filter);
  });
})();
