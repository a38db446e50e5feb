// The page comes to life: tabs, thumbnails, keys.
const TABS = ["explore", "map", "morph", "sample", "odd", "layers"];
const show = tab => {
  table.tab = TABS.includes(tab) ? tab : "explore";
  for (const name of TABS) { const on = name === table.tab; $("tab-" + name).setAttribute("aria-selected", String(on)); $("tab-" + name).tabIndex = on ? 0 : -1; $("panel-" + name).hidden = !on; }
  changed("tab");
};
const thumbs = Array.from({length: N}, (_, i) => thumbnail(i));
const buildTabs = () => TABS.forEach((name, n) => { const tab = $("tab-" + name); tab.onclick = () => show(name);
  tab.onkeydown = event => { const step = {ArrowRight: 1, ArrowLeft: -1}[event.key]; if (step) { const next = TABS[(n + step + TABS.length) % TABS.length]; show(next); $("tab-" + next).focus(); } }; });
const buildThumbnails = () => {
  const buttons = thumbs.map((c, i) => { const b = element("button", {className: "thumb", title: names[i]}, c); b.setAttribute("aria-label", `picture ${names[i]}`); b.onclick = () => { keep(); choose(i); }; return b; });
  $("thumbs").append(...buttons);
  watchers.push(() => buttons.forEach((b, i) => { b.classList.toggle("here", i === table.picture); b.classList.toggle("out", !!table.context && !table.context.has(i)); }));
  $("join").onclick = () => { if (table.picture < 0) return; const rows = new Set(table.context || []); rows.has(table.picture) ? rows.delete(table.picture) : rows.add(table.picture); table.joining = rows; table.context = rows.size ? rows : null; measure(); changed("context"); };
};
const buildLabels = () => raw.classes.forEach((name, k) => { const b = element("button", {}, name); b.dataset.label = k; b.onclick = () => { keep(); table.label = k; changed("label"); }; $("labels").append(b); });
const python = () => `import numpy as np\n${raw.opens}\nz = np.array([[${[...table.z].map(v => digits(v, 6)).join(", ")}]], dtype=np.float32)\npicture = model.decode(z${CLASSES ? `, np.array([${table.label}])` : ""})[0]  # (${C}, ${H}, ${W}), 0 to 1\n`;
const buildActions = () => {
  $("reset").onclick = () => { keep(); table.z = table.own.slice(); changed("z"); strips(); };
  $("undo").onclick = undo;
  $("python").onclick = async () => { $("code").textContent = python(); $("code").hidden = false; try { await navigator.clipboard.writeText(python()); say("copied"); } catch { say("select and copy the lines below"); } };
  $("png").onclick = () => $("redrawn").toBlob(blob => save(blob, "picture.png"));
  document.addEventListener("keydown", event => { if ((event.ctrlKey || event.metaKey) && event.key === "z") { event.preventDefault(); undo(); } });
};
buildTabs(); buildSliders(); buildMap(); buildMorph(); buildSample(); buildOdd(); buildLayers(); buildBring(); buildThumbnails(); buildLabels(); buildActions();
show(recall());
addEventListener("hashchange", () => show(recall()));
$("loading").remove(); document.body.classList.add("ready");
window.explorer = {decode, encode, prepared, table, move, choose, setContext};  // for whoever opens the console
