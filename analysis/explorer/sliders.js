// Explore: a slider for every latent that says something, by falling KL, with a strip of nine pictures beside it.
const STEPS = 9, REACH = 3.5, MOST = 40, titles = JSON.parse(localStorage.getItem("titles " + raw.name) || "{}");
const titleOf = d => titles[d] || (raw.factors[d] ? `≈ ${raw.factors[d]}` : `z${d}`);
const bounds = d => [Math.min(-REACH, spread[d].low - 1), Math.max(REACH, spread[d].high + 1)];
const rows_ = new Map();
const slider = d => {
  const input = element("input", {type: "range", step: "any"}), strip = element("div", {className: "strip"}), value = element("output");
  const own = element("span", {className: "own", title: "the picture's own value, ± its posterior's standard deviation"}), band = element("span", {className: "band", title: "where 5–95 % of the context lie"});
  const name = element("button", {className: "name", title: "rename"}, titleOf(d));
  input.setAttribute("aria-label", `latent ${d}`);
  name.onclick = () => { const given = prompt(`A name for latent ${d}`, titleOf(d)); if (given !== null) { given ? titles[d] = given : delete titles[d]; localStorage.setItem("titles " + raw.name, JSON.stringify(titles)); name.textContent = titleOf(d); } };
  let dragging = false;
  input.oninput = () => { if (!dragging) { keep(); dragging = true; } move(d, input.valueAsNumber); };
  input.onchange = () => { dragging = false; strips(); };
  const cells = Array.from({length: STEPS}, (_, k) => { const c = canvas(), b = element("button", {className: "cell"}, c); b.onclick = () => { keep(); move(d, stop(d, k)); strips(); }; strip.append(b); return {c, b}; });
  const line = element("div", {className: "latent"}, element("div", {className: "who"}, name, element("span", {className: "soft"}, `z${d} · KL ${digits(raw.kl[d])}`)), element("div", {className: "track"}, band, own, input), value, strip);
  rows_.set(d, {input, cells, own, band, value, line});
  return line;
};
const stop = (d, k) => { const [low, high] = [Math.min(-2.5, spread[d].low), Math.max(2.5, spread[d].high)]; return low + (high - low) * k / (STEPS - 1); };
const place = (d, v) => { const [low, high] = bounds(d); return 100 * (Math.min(high, Math.max(low, v)) - low) / (high - low); };
const showLatent = d => {
  const {input, own, band, value} = rows_.get(d), [low, high] = bounds(d);
  input.min = low; input.max = high; input.value = table.z[d]; value.textContent = table.z[d].toFixed(2);
  const a = place(d, spread[d].low), b = place(d, spread[d].high), o = place(d, table.own[d] - table.sigma[d]), p = place(d, table.own[d] + table.sigma[d]);
  band.style.left = `${a}%`; band.style.width = `${b - a}%`; own.style.left = `${o}%`; own.style.width = `${Math.max(.6, p - o)}%`;
};
const open_ = used.slice(0, MOST), folded = [...used.slice(MOST), ...unused];
const shown = () => [...rows_.keys()].filter(d => open_.includes(d) || $("unused").open);
const strips = latest(async () => {
  const chosen = shown(), z = new Float32Array(chosen.length * STEPS * D);
  chosen.forEach((d, n) => { for (let k = 0; k < STEPS; k++) { z.set(table.z, (n * STEPS + k) * D); z[(n * STEPS + k) * D + d] = stop(d, k); } });
  if (!z.length) return;
  const images = await decode(z, table.label);
  chosen.forEach((d, n) => rows_.get(d).cells.forEach(({c, b}, k) => { paint(c, images, n * STEPS + k); b.setAttribute("aria-label", `latent ${d} to ${stop(d, k).toFixed(2)}`); }));
});
const redraw = latest(async () => {
  const image = await decode(table.z, table.label);
  paint($("redrawn"), image); table.redrawn = image;
  const found = error(table.image, image), usual = median(members().map(i => errors[i])), worse = members().filter(i => errors[i] > found).length;
  $("error").textContent = `error ${digits(found / Math.max(usual, 1e-12), 2)} × the median; rank ${worse + 1} of ${members().length}`;
  document.body.dataset.drawn = String(1 + Number(document.body.dataset.drawn || 0));
});
const uncertainty = latest(async () => {
  if (!$("doubt").open) return;
  const count = 24, z = new Float32Array(count * D), plane = H * W, heat = new Float64Array(plane);
  for (let k = 0; k < count; k++) for (let d = 0; d < D; d++) z[k * D + d] = table.z[d] + table.sigma[d] * normal();
  const images = await decode(z, table.label);
  for (let p = 0; p < SIZE; p++) { let s = 0, q = 0; for (let k = 0; k < count; k++) { const v = images[k * SIZE + p]; s += v; q += v * v; } heat[p % plane] += Math.max(0, q / count - (s / count) ** 2); }
  paintHeat($("variance"), heat);
});
// The context's pictures nearest to what is on the table: distance over used latents, each in units of the context's spread.
const nearest = () => {
  const scale = d => Math.max(spread[d].sd, 1e-3), away = i => used.reduce((sum, d) => sum + ((mu[i * D + d] - table.z[d]) / scale(d)) ** 2, 0);
  const found = members().filter(i => i !== table.picture).map(i => [away(i), i]).sort((a, b) => a[0] - b[0]).slice(0, 6);
  $("nearest").replaceChildren(...found.map(([, i]) => { const b = element("button", {className: "cell", title: names[i]}, thumbnail(i)); b.setAttribute("aria-label", `picture ${names[i]}`); b.onclick = () => { keep(); choose(i); }; return b; }));
};
const buildSliders = () => {
  $("sliders").append(...open_.map(slider));
  if (!used.length) $("sliders").append(element("p", {className: "soft"}, "No latent says anything: the model redraws the same picture whatever it is shown (a collapsed code)."));
  $("unused").hidden = !folded.length;
  $("unusedCount").textContent = used.length > MOST ? `${folded.length} more latents, of lower KL${folded.length > MOST ? ` (the first ${MOST})` : ""}` : `${unused.length} unused latents (KL < .01 nats)`;
  $("unused").ontoggle = () => { if (!$("unusedSliders").children.length) { $("unusedSliders").append(...folded.slice(0, MOST).map(slider)); } shown().forEach(showLatent); strips(); };
  $("doubt").ontoggle = uncertainty;
  watchers.push(what => {
    shown().forEach(showLatent); redraw(); nearest();
    if (what !== "z") { paint($("original"), table.image); $("who").textContent = table.picture < 0 ? table.brought : names[table.picture]; strips(); for (const b of document.querySelectorAll("#labels button")) b.setAttribute("aria-pressed", String(Number(b.dataset.label) === table.label)); }
    uncertainty();
  });
};
