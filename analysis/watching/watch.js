// The page asks for the study's state, draws it, and asks again; a trial's film is fetched when somebody looks at it.
const $ = id => document.getElementById(id), SVG = "http://www.w3.org/2000/svg";
const make = (tag, fields = {}, ...children) => { const e = Object.assign(document.createElement(tag), fields); e.append(...children); return e; };
const draw = (tag, attributes = {}, ...children) => { const e = document.createElementNS(SVG, tag); for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v); e.append(...children); return e; };
const digits = v => v === null || v === undefined ? "" : Number(v.toPrecision(3)).toString();
const clock = s => s === null ? "" : s < 90 ? `${Math.round(s)} s` : s < 5400 ? `${Math.round(s / 60)} min` : `${(s / 3600).toFixed(1)} h`;
const usable = row => row.status === "complete" || row.status === "stopped";
const picture = (data, alt) => make("img", {className: "strip", src: "data:image/webp;base64," + data, alt});
const STATES = {running: "running", finished: "finished", stopped: "stopped", gone: "its driver was killed", elsewhere: "run from another machine"};
let study = null, chosen = location.hash.split(/[#,]/).map(t => /^trial-(\d+)$/.exec(t)).filter(Boolean).map(m => Number(m[1])).slice(0, 4), places = new Map();

// A curve, or several, each scaled to itself; gaps where a value is no number.
const curve = (curves, width, height) => {
  const svg = draw("svg", {viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": Object.keys(curves).join(", ") + " over training"});
  for (const [name, values] of Object.entries(curves)) {
    const real = values.filter(v => v !== null), low = Math.min(...real), span = Math.max(...real) - low || 1;
    const points = values.map((v, k) => v === null ? null : `${(4 + (width - 8) * k / Math.max(1, values.length - 1)).toFixed(1)},${(height - 4 - (height - 8) * (v - low) / span).toFixed(1)}`);
    svg.append(draw("polyline", {points: points.filter(Boolean).join(" "), fill: "none", stroke: `var(--${name})`, "stroke-width": 2}));
  }
  return svg;
};
const keys = curves => make("div", {className: "keys"}, ...Object.entries(curves).map(([name, values]) => make("span", {className: name}, `${name} ${digits(values.at(-1))}`)));

const chart = () => {
  const [x, y] = study.metrics.length > 1 ? study.metrics : [study.metrics[0], "kl"], shown = study.rows.filter(r => r.values[x] != null && r.values[y] != null);
  $("frontTitle").textContent = `Front: ${x} against ${y}`;
  if (!shown.length) return $("chart").replaceChildren(make("p", {className: "soft"}, "No trial has a result yet."));
  const alive = shown.filter(r => usable(r) || r.status === "running"), over = alive.length ? alive : shown, W = 440, H = 320, E = 58;
  const range = key => { const v = over.map(r => r.values[key]), low = Math.min(...v), high = Math.max(...v), pad = (high - low || Math.abs(low) || 1) * .08; return [low - pad, high + pad]; };
  const [xs, ys] = [range(x), range(y)], at = (r, key, [low, high], a, b) => a + (b - a) * Math.min(1, Math.max(0, (r.values[key] - low) / (high - low)));
  const svg = draw("svg", {viewBox: `0 0 ${W} ${H}`, role: "group", "aria-label": `${x} against ${y}`}, draw("path", {d: `M${E},8V${H - E}H${W - 8}`, fill: "none", stroke: "var(--line)"}));
  for (const [v, k] of [[xs[0], 0], [xs[1], 1]]) svg.append(draw("text", {x: k ? W - 8 : E, y: H - E + 16, "text-anchor": k ? "end" : "start"}, digits(v)));
  for (const [v, k] of [[ys[0], 0], [ys[1], 1]]) svg.append(draw("text", {x: E - 6, y: k ? 16 : H - E, "text-anchor": "end"}, digits(v)));
  svg.append(draw("text", {x: (E + W) / 2, y: H - 10, "text-anchor": "middle"}, `${x} (${study.directions[0]})`), draw("text", {x: E, y: 8, dx: 8, dy: 6}, `${y}${study.directions[1] ? ` (${study.directions[1]})` : ""}`));
  for (const row of shown) {
    const front = study.front.includes(row.trial), cx = at(row, x, xs, E, W - 8), cy = at(row, y, ys, H - E, 8);
    const look = row.status === "running" ? {fill: "none", stroke: "var(--calm)"} : usable(row) ? {fill: front ? "var(--mark)" : "var(--calm)", stroke: "var(--paper)"} : {fill: "var(--dead)", stroke: "none"};
    const dot = draw("circle", {cx, cy, r: front ? 8 : 5, "stroke-width": 2, ...look}), link = draw("a", {href: `#trial-${row.trial}`, "aria-label": `trial ${row.trial}, ${row.status}: ${x} ${digits(row.values[x])}, ${y} ${digits(row.values[y])}`}, dot, draw("title", {}, `trial ${row.trial}: ${row.knobs}`));
    svg.append(link);
  }
  $("chart").replaceChildren(svg);
};
const best = () => $("best").replaceChildren(...study.metrics.flatMap((metric, k) => {
  const rows = study.rows.filter(r => usable(r) && r.values[metric] != null).sort((a, b) => (study.directions[k] === "maximize" ? -1 : 1) * (a.values[metric] - b.values[metric]));
  return rows.length ? [make("div", {className: "card"}, make("h3", {}, `${metric} ${digits(rows[0].values[metric])}`, make("button", {onclick: () => look(rows[0].trial)}, `trial ${rows[0].trial}`)), make("p", {className: "soft"}, rows[0].knobs), ...(rows[0].picture ? [picture(rows[0].originals, "six pictures"), picture(rows[0].picture, "redrawn")] : []))] : [];
}));
const card = row => make("article", {className: "card"}, make("h3", {}, `trial ${row.trial}`, make("button", {onclick: () => look(row.trial)}, "look")), make("p", {className: "soft"}, row.knobs),
  make("progress", {value: row.share, max: 1, ariaLabel: `trial ${row.trial}: ${Math.round(100 * row.share)} %`}), make("p", {className: "soft"}, row.age === null ? "no report yet" : `step ${row.step.toLocaleString()} of ${row.steps.toLocaleString()} · last report ${clock(row.age)} ago`),
  ...row.warnings.map(text => make("p", {className: "warning"}, text)), ...(row.curves.recon ? [curve(row.curves, 280, 64), keys(row.curves)] : []), ...(row.picture ? [picture(row.originals, "six pictures"), picture(row.picture, "redrawn")] : []));
const same = new Map();   // what has not changed is not drawn again: whoever reads it keeps the place, and the keyboard its focus
const once = (id, value, task) => { const text = JSON.stringify(value); if (same.get(id) !== text) { same.set(id, text); task(); } };
const cards = () => { const running = study.rows.filter(r => r.status === "running"); $("runningTitle").textContent = running.length ? `Running (${running.length})` : "Nothing runs"; $("cards").replaceChildren(...running.map(card)); };
const table = () => {
  const words = $("filter").value.toLowerCase().split(/\s+/).filter(Boolean), columns = [...new Set([...study.metrics, "kl"])];
  $("head").replaceChildren(make("tr", {}, ...["trial", "status", ...columns, "knobs"].map(t => make("th", {scope: "col"}, t))));
  const rows = study.rows.filter(r => words.every(w => `${r.knobs} ${r.status} trial ${r.trial}`.toLowerCase().includes(w)));
  $("rows").replaceChildren(...rows.slice(-1000).reverse().map(r => make("tr", {className: `${study.front.includes(r.trial) ? "front" : ""} ${usable(r) || r.status === "running" ? "" : "dead"}`},
    make("td", {}, make("button", {onclick: () => look(r.trial), ariaPressed: String(chosen.includes(r.trial))}, `${r.trial}`)), make("td", {}, r.status), ...columns.map(c => make("td", {className: "num"}, digits(r.values[c]))), make("td", {className: "wide"}, r.knobs, ...(r.reason ? [make("div", {className: "soft"}, r.reason)] : [])))));
};

// Trials somebody looks at: curves, knobs, and the film with a scrubber.
const look = number => { chosen = chosen.includes(number) ? chosen.filter(n => n !== number) : [...chosen, number].slice(-4); history.replaceState(null, "", "#" + chosen.map(n => `trial-${n}`).join(",")); sheets(); table(); };
const sheet = async number => {
  const row = study.rows.find(r => r.trial === number); if (!row) return make("p", {}, `There is no trial ${number}.`);
  const answer = await fetch(`trial/${number}`), box = make("article", {className: "card"}, make("h3", {}, `trial ${number}: ${row.status}`, make("button", {onclick: () => look(number)}, "close")), make("p", {className: "soft"}, row.knobs), ...(row.reason ? [make("p", {className: "warning"}, row.reason)] : []), make("p", {}, ...Object.entries(row.values).map(([k, v]) => `${k} ${digits(v)}  `)));
  if (!answer.ok) { box.append(make("p", {className: "soft"}, "This trial has no film: it never reported, or is from before there were films.")); return box; }
  const film = await answer.json(), curves = Object.fromEntries(["recon", "kl", "capacity"].filter(k => film.reports.some(r => k in r)).map(k => [k, film.reports.map(r => r[k] ?? null)]));
  if (!film.pictures.length) return box;
  const shown = picture("", "redrawn"), text = make("p", {className: "soft"}), scrub = make("input", {type: "range", min: 0, max: film.pictures.length - 1, value: places.get(number) ?? film.pictures.length - 1, ariaLabel: `film of trial ${number}`});
  const at = () => { const k = Math.min(scrub.valueAsNumber, film.pictures.length - 1), r = film.reports[k]; shown.src = "data:image/webp;base64," + film.pictures[k]; text.textContent = `step ${r.step.toLocaleString()}: recon ${digits(r.recon)}, KL ${digits(r.kl)} nats${r.capacity != null ? `, C ${digits(r.capacity)}` : ""}`; };
  scrub.oninput = () => { places.set(number, scrub.valueAsNumber); at(); }; at();
  box.append(curve(curves, 420, 140), keys(curves), picture(film.originals, "six pictures"), shown, scrub, text);
  return box;
};
const sheets = async () => { $("looked").hidden = !chosen.length; $("sheets").replaceChildren(...await Promise.all(chosen.map(sheet))); };

const show = () => {
  document.title = `${study.done}/${study.trials} ${study.name}`; $("name").textContent = study.name;
  $("facts").textContent = `${study.space} on ${study.data} · ${study.budget} · ${study.metrics.map((m, k) => `${study.directions[k]} ${m}`).join(", ")}`;
  $("state").textContent = STATES[study.driver]; $("state").className = `state ${study.driver}`;
  $("time").textContent = `${study.done} of ${study.trials} trials` + (study.left !== null && ["running", "elsewhere"].includes(study.driver) ? ` · about ${clock(study.left)} left` : "");
  $("progress").max = study.trials; $("progress").value = study.done + study.rows.filter(r => r.status === "running").reduce((s, r) => s + r.share, 0);
  const command = ["gone", "stopped"].includes(study.driver) ? study.resume : study.driver === "finished" ? study.report : "";
  $("commands").replaceChildren(...(command ? [make("code", {}, command), " ", make("button", {onclick: () => navigator.clipboard.writeText(command)}, "copy")] : []));
  once("chart", study.rows.map(r => [r.status, r.values]), () => { chart(); best(); }); cards();
  once("table", [study.rows.map(r => [r.trial, r.status, r.values]), study.front], table);
};
const ask = async () => {
  let wait = 2000, answer = null, found = null;
  try { answer = await fetch("state"); found = await answer.json(); } catch { /* the server has ended: said below */ }
  const problem = !found ? "The server of this page has ended; what is shown is the last it said." : answer.ok ? "" : found.problem;
  $("problem").hidden = !problem; $("problem").textContent = problem;
  if (found && answer.ok) {
    const first = !study; study = found; wait = study.rows.length > 1000 ? 10000 : study.driver === "running" ? 2000 : 5000;
    show(); if (first || (chosen.some(n => study.rows.some(r => r.trial === n && r.status === "running")) && document.activeElement?.type !== "range")) await sheets();
  }
  document.body.dataset.asked = String(1 + Number(document.body.dataset.asked || 0)); setTimeout(ask, wait);
};
$("filter").oninput = table; $("none").onclick = () => { chosen = []; history.replaceState(null, "", "#"); sheets(); table(); };
addEventListener("hashchange", () => { const m = /^#trial-(\d+)$/.exec(location.hash); if (m && !chosen.includes(Number(m[1]))) look(Number(m[1])); });
ask();
