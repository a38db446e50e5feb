// The batch on a plane: its principal components, or any two latents.  A click decodes there; a lasso makes the context.
const axisOf = (which, z) => which.startsWith("pc") ? (() => { const k = Number(which[2]); let sum = 0; for (let d = 0; d < D; d++) sum += (z[d] - centre[d]) * directions[k * D + d]; return sum; })() : z[Number(which)];
const MAP = 640, EDGE = 24, lasso = [];
let box = null;
const placed = i => { const z = row(mu, i), x = axisOf($("xaxis").value, z), y = axisOf($("yaxis").value, z); return [EDGE + (MAP - 2 * EDGE) * (x - box.x[0]) / box.x[1], MAP - EDGE - (MAP - 2 * EDGE) * (y - box.y[0]) / box.y[1]]; };
const drawMap = () => {
  const range = which => { const v = Array.from({length: N}, (_, i) => axisOf(which, row(mu, i))), low = Math.min(...v); return [low, Math.max(1e-6, Math.max(...v) - low)]; };
  box = {x: range($("xaxis").value), y: range($("yaxis").value)};
  const pen = $("plane").getContext("2d"), size = Math.min(26, Math.max(18, 360 / Math.sqrt(N)));
  pen.clearRect(0, 0, MAP, MAP); pen.imageSmoothingEnabled = true;
  for (let i = 0; i < N; i++) { const [x, y] = placed(i), inside = !table.context || table.context.has(i);
    pen.globalAlpha = inside ? 1 : .25; pen.drawImage(thumbs[i], x - size / 2, y - size / 2, size, size);
    if (i === table.picture) { pen.strokeStyle = "#ea580c"; pen.lineWidth = 3; pen.strokeRect(x - size / 2 - 2, y - size / 2 - 2, size + 4, size + 4); } }
  pen.globalAlpha = 1;
  const [x, y] = [table.z].map(z => [EDGE + (MAP - 2 * EDGE) * (axisOf($("xaxis").value, z) - box.x[0]) / box.x[1], MAP - EDGE - (MAP - 2 * EDGE) * (axisOf($("yaxis").value, z) - box.y[0]) / box.y[1]])[0];
  pen.strokeStyle = "#ea580c"; pen.lineWidth = 2; pen.beginPath(); pen.arc(x, y, 7, 0, 7); pen.stroke();
  if (lasso.length > 1) { pen.strokeStyle = "#0f766e"; pen.beginPath(); lasso.forEach(([a, b], n) => n ? pen.lineTo(a, b) : pen.moveTo(a, b)); pen.stroke(); }
};
const within = ([x, y]) => { let inside = false; for (let a = 0, b = lasso.length - 1; a < lasso.length; b = a++) { const [xa, ya] = lasso[a], [xb, yb] = lasso[b]; if ((ya > y) !== (yb > y) && x < (xb - xa) * (y - ya) / (yb - ya) + xa) inside = !inside; } return inside; };
const decodeAt = ([x, y]) => {
  keep();
  const X = box.x[0] + box.x[1] * (x - EDGE) / (MAP - 2 * EDGE), Y = box.y[0] + box.y[1] * (MAP - EDGE - y) / (MAP - 2 * EDGE), z = table.z.slice();
  for (const [which, value] of [[$("xaxis").value, X], [$("yaxis").value, Y]]) {
    if (!which.startsWith("pc")) { z[Number(which)] = value; continue; }
    const k = Number(which[2]), step = value - axisOf(which, z);
    for (let d = 0; d < D; d++) z[d] += step * directions[k * D + d];
  }
  table.z = z; changed("z"); strips();
};
const showContext = () => { $("contextText").textContent = table.context ? `context: ${table.context.size} of ${N} pictures` : `context: all ${N} pictures`; $("clear").hidden = !table.context; };
const buildMap = () => {
  const share = k => `component ${k + 1} (${Math.round(100 * raw.share[k])} %)`, options = () => [...[0, 1].map(k => new Option(share(k), `pc${k}`)), ...order.map(d => new Option(titleOf(d) === `z${d}` ? `z${d}` : `z${d} ${titleOf(d)}`, d))];
  for (const [id, first] of [["xaxis", "pc0"], ["yaxis", "pc1"]]) { $(id).append(...options()); $(id).value = first; $(id).onchange = drawMap; }
  const plane = $("plane"), at = event => { const r = plane.getBoundingClientRect(); return [(event.clientX - r.left) * MAP / r.width, (event.clientY - r.top) * MAP / r.height]; };
  plane.onpointerdown = event => { plane.setPointerCapture(event.pointerId); lasso.splice(0, lasso.length, at(event)); };
  plane.onpointermove = event => { if (lasso.length && event.buttons) { lasso.push(at(event)); drawMap(); } };
  plane.onpointerup = event => {
    const chosen = lasso.length > 8 ? [...Array(N).keys()].filter(i => within(placed(i))) : [], point = at(event);
    lasso.length = 0;
    if (chosen.length > 1) { setContext(chosen); say(`context: ${chosen.length} pictures`); } else decodeAt(point);
  };
  const pace = 16, keys = {ArrowLeft: [-pace, 0], ArrowRight: [pace, 0], ArrowUp: [0, -pace], ArrowDown: [0, pace]};
  plane.onkeydown = event => { if (!keys[event.key]) return; event.preventDefault(); const [x, y] = [EDGE + (MAP - 2 * EDGE) * (axisOf($("xaxis").value, table.z) - box.x[0]) / box.x[1], MAP - EDGE - (MAP - 2 * EDGE) * (axisOf($("yaxis").value, table.z) - box.y[0]) / box.y[1]]; decodeAt([x + keys[event.key][0], y + keys[event.key][1]]); };
  $("clear").onclick = () => setContext(null);
  watchers.push(what => { if (what === "context" || what === "picture") showContext(); if (table.tab === "map") { drawMap(); if (table.redrawn) mapPreview(); } });
};
const mapPreview = latest(async () => paint($("here"), await decode(table.z, table.label)));
