// What is on the table: a picture, its latents as they were moved, its label, the context; in the address, and undone with Ctrl-Z.
const table = {tab: "explore", picture: 0, image: null, own: null, sigma: null, z: null, label: 0, context: null, marks: {}};
const watchers = [], history_ = [];
const changed = what => { for (const watch of watchers) watch(what); remember(); };
const members = () => table.context ? [...table.context] : [...Array(N).keys()];

let spread = null;                     // quantiles of the context, a latent: [5 %, 50 %, 95 %], and standard deviations
const measure = () => { spread = order.map(() => null); for (let d = 0; d < D; d++) {
  const sorted = Float64Array.from(members(), i => mu[i * D + d]).sort(), mean = sorted.reduce((a, b) => a + b, 0) / sorted.length;
  spread[d] = {low: quantile(sorted, .05), middle: quantile(sorted, .5), high: quantile(sorted, .95), mean,
    sd: Math.sqrt(sorted.reduce((a, b) => a + (b - mean) ** 2, 0) / sorted.length),
    mad: 1.4826 * quantile(Float64Array.from(sorted, v => Math.abs(v - quantile(sorted, .5))).sort(), .5)};
} };
const setContext = rows => { keep(); table.context = rows && rows.length > 1 ? new Set(rows) : null; measure(); changed("context"); };

const keep = () => { history_.push({...table, z: table.z && table.z.slice()}); if (history_.length > 100) history_.shift(); };
const undo = () => { const before = history_.pop(); if (!before) return say("nothing to undo"); Object.assign(table, before); measure(); changed("picture"); };
const choose = (i, z = null, label = null) => {
  table.picture = i; table.image = picture(i); table.own = row(mu, i); table.sigma = row(logvar, i).map(v => Math.exp(v / 2));
  table.z = z || table.own.slice(); table.label = label ?? (raw.pictures.labels ? raw.pictures.labels[i] : 0);
  changed("picture");
};
const move = (d, value) => { table.z[d] = value; changed("z"); };

let waiting = 0;
const remember = () => { clearTimeout(waiting); waiting = setTimeout(() => {
  const moved = table.picture < 0 ? [] : order.filter(d => Math.abs(table.z[d] - table.own[d]) > 1e-4).map(d => `${d}:${digits(table.z[d], 4)}`);
  const parts = {tab: table.tab, i: Math.max(0, table.picture), z: moved.join(","), label: CLASSES ? table.label : "", context: table.context ? [...table.context].join(".") : ""};
  history.replaceState(null, "", "#" + Object.entries(parts).filter(([, v]) => v !== "").map(([k, v]) => `${k}=${v}`).join("&"));
}, 150); };
const recall = () => {
  const found = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  const whole = text => { const n = Number(text); return Number.isInteger(n) && n >= 0 && n < N ? n : null; };
  const rows = (found.context || "").split(".").map(whole).filter(n => n !== null);
  table.context = rows.length > 1 ? new Set(rows) : null;
  measure();
  const i = whole(found.i ?? "") ?? 0, z = row(mu, i);
  for (const part of (found.z || "").split(",")) { const [d, v] = part.split(":").map(Number); if (d < D && Number.isFinite(v)) z[d] = v; }
  const label = Number(found.label);
  choose(i, z, CLASSES && found.label !== undefined && label < CLASSES ? label : null);
  return found.tab;
};
