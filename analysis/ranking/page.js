// The page of a ranked folder: a sheet of all pictures, filters, and marks that stay in this browser and can be saved.
"use strict";
const { tiles, thumbnails } = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const sheet = $("sheet"), place = "marks " + location.pathname;
const nothing = { value: "" }, view = $("view") || nothing, show = $("show"), group = $("group");
const folderOf = (file) => file.slice(0, Math.max(0, file.lastIndexOf("/")));

let marks = {};
try { marks = JSON.parse(localStorage.getItem(place)) || {}; } catch { /* private windows keep nothing */ }

// pictures: each thumbnail is in the page once, and gets its source when it comes near
const load = (image) => { image.src = "data:image/webp;base64," + thumbnails[image.dataset.t]; };
const lazy = new IntersectionObserver((seen) => {
  for (const { isIntersecting, target } of seen) if (isIntersecting) { load(target); lazy.unobserve(target); }
}, { rootMargin: "600px" });
addEventListener("beforeprint", () => document.querySelectorAll("img[data-t]").forEach(load));

const nodes = tiles.map((tile, n) => {
  const button = document.createElement("button"), image = document.createElement("img"), rank = document.createElement("b");
  button.className = "pick" + (tile.o ? " odd" : "");
  button.dataset.n = n;
  button.title = tile.f;
  button.tabIndex = n ? -1 : 0; // the arrow keys go from one to the next
  button.setAttribute("aria-label", `rank ${tile.r}, ${tile.f}${tile.o ? ", stands apart" : ""}`);
  image.dataset.t = tile.t;
  image.alt = "";
  rank.textContent = tile.r;
  button.append(image, rank, tile.c ? ` ×${tile.c + 1}` : "");
  return button;
});
sheet.append(...nodes);
document.querySelectorAll("img[data-t]").forEach((image) => lazy.observe(image));

// one picture is current
let here = -1;
function choose(n) {
  if (here >= 0) { nodes[here].classList.remove("here"); nodes[here].tabIndex = -1; }
  nodes[0].tabIndex = -1;
  here = n;
  nodes[n].classList.add("here");
  nodes[n].tabIndex = 0;
  $("panel").hidden = false;
  $("name").textContent = `${tiles[n].r} · ${tiles[n].f}`;
  $("open").href = original.src = tiles[n].u;
  $("panel").prepend(original);
  $("lost").textContent = "";
  pressed();
}
const original = new Image();
original.alt = "";
original.onload = () => { original.style.imageRendering = original.naturalWidth < 200 ? "pixelated" : "auto"; };
original.onerror = () => {
  original.remove();
  $("lost").textContent = "The original is not there any more, or of a kind that browsers do not show.";
};
function step(by) {
  let n = here + by;
  while (nodes[n] && nodes[n].hidden) n += Math.sign(by);
  if (nodes[n]) { choose(n); nodes[n].focus(); }
}

// marks
function mark(how) {
  if (here < 0) return;
  const { f } = tiles[here];
  if (marks[f] === how) delete marks[f]; else marks[f] = how;
  try { localStorage.setItem(place, JSON.stringify(marks)); } catch { /* see above */ }
  document.querySelectorAll(`.pick[data-n="${here}"]`).forEach(showMark);
  pressed();
  count();
}
function showMark(pick) {
  const how = marks[tiles[pick.dataset.n].f];
  if (how) pick.dataset.mark = how; else delete pick.dataset.mark;
}
function pressed() {
  for (const button of document.querySelectorAll("[data-set]")) {
    button.setAttribute("aria-pressed", here >= 0 && marks[tiles[here].f] === button.dataset.set);
  }
}
function count() {
  const shown = nodes.filter((node) => !node.hidden).length;
  const marked = tiles.filter((tile) => marks[tile.f]).length;
  $("count").textContent = `${shown} of ${tiles.length} shown, ${marked} marked`;
}
const cell = (text) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
const bytes = (text) => text.split(/([\udc80-\udcff])/u) // a name's bytes that are no UTF-8 are kept as they are
  .map((part) => (/^[\udc80-\udcff]$/u.test(part) ? Uint8Array.of(part.charCodeAt(0) - 0xdc00) : part));
$("save").onclick = () => {
  const rows = tiles.filter((tile) => marks[tile.f]).map((tile) => `${cell(tile.f)},${marks[tile.f]}\n`);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(bytes("file,mark\n" + rows.join("")), { type: "text/csv" }));
  link.download = "marks.csv";
  link.click();
};

// filters
const kept = {
  "": () => true,
  apart: (tile) => tile.o,
  not: (tile) => !tile.o,
  copies: (tile) => tile.c,
  none: (tile) => !marks[tile.f],
};
function filter() {
  const wanted = kept[show.value] || ((tile) => marks[tile.f] === show.value);
  nodes.forEach((node, n) => {
    const tile = tiles[n], inGroup = !group.value || folderOf(tile.f) === group.value.slice(1);
    node.hidden = !(wanted(tile) && inGroup && (!view.value || tile.v === view.value));
  });
  count();
}
const folders = [...new Set(tiles.map((tile) => folderOf(tile.f)))].sort();
if (folders.length > 1) {
  for (const folder of folders) group.append(new Option(folder || "the top", "/" + folder));
  $("groups").hidden = false;
}
show.onchange = view.onchange = group.onchange = filter;

document.addEventListener("click", (event) => {
  const pick = event.target.closest(".pick"), set = event.target.closest("[data-set]");
  if (pick) choose(Number(pick.dataset.n));
  if (set) mark(set.dataset.set);
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
  const across = getComputedStyle(sheet).gridTemplateColumns.split(" ").length;
  const moves = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across };
  const sets = { f: "fine", o: "odd", u: "unsure" };
  if (moves[event.key] && here >= 0) { event.preventDefault(); step(moves[event.key]); }
  else if (sets[event.key]) mark(sets[event.key]);
  else if (event.key === "Escape") $("panel").hidden = true;
  else if (event.key === "Enter" && here >= 0 && event.target === nodes[here]) { event.preventDefault(); open($("open").href); }
});
document.querySelectorAll(".pick").forEach(showMark);
filter();
