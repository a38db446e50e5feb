// Sample: z from the prior N(0, 1), or from a Gaussian over the context's codes (each latent by itself), times a temperature.
let seed = 1;
const uniform = () => { seed = (seed + 0x6d2b79f5) | 0; let t = Math.imul(seed ^ (seed >>> 15), 1 | seed); t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t; return ((t ^ (t >>> 14)) >>> 0) / 4294967296; }; // mulberry32
const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
const COUNT = 24;
const sample = latest(async () => {
  const heat = $("heat").valueAsNumber, fromContext = $("from").value === "context", z = new Float32Array(COUNT * D);
  seed = $("seed").valueAsNumber || 0; $("heatText").textContent = heat.toFixed(2);
  for (let k = 0; k < COUNT; k++) for (let d = 0; d < D; d++) { const e = heat * normal(); z[k * D + d] = fromContext ? spread[d].mean + spread[d].sd * e : e; }
  const images = await decode(z, table.label);
  $("samples").replaceChildren(...Array.from({length: COUNT}, (_, k) => { const c = canvas(), b = element("button", {className: "cell", title: "explore this one"}, c); b.setAttribute("aria-label", `sample ${k + 1}: explore it`); paint(c, images, k);
    b.onclick = () => { keep(); table.z = z.slice(k * D, (k + 1) * D); show("explore"); changed("z"); strips(); }; return b; }));
});
const buildSample = () => {
  for (const id of ["heat", "from", "seed"]) $(id).oninput = sample;
  $("again").onclick = () => { $("seed").value = Math.floor(1e6 * Math.random()); sample(); };
  watchers.push(() => { if (table.tab === "sample") sample(); });
};
