// Morph: from A to B along a straight line of latents, and A − B + C.
const corners = {A: 0, B: Math.min(1, N - 1), C: Math.min(2, N - 1)};
const morph = latest(async () => {
  const count = $("count").valueAsNumber, a = row(mu, corners.A), b = row(mu, corners.B), c = row(mu, corners.C), z = new Float32Array((count + 1) * D);
  for (let k = 0; k < count; k++) for (let d = 0; d < D; d++) z[k * D + d] = a[d] + (b[d] - a[d]) * k / (count - 1);
  for (let d = 0; d < D; d++) z[count * D + d] = a[d] - b[d] + c[d];
  const images = await decode(z, table.label), line = Array.from({length: count}, (_, k) => { const cell = canvas(`${Math.round(100 * k / (count - 1))} % of the way from A to B`); paint(cell, images, k); return cell; });
  $("line").replaceChildren(...line); paint($("sum"), images, count);
  for (const name of "ABC") { paint($("corner" + name), picture(corners[name])); $("name" + name).textContent = `${name}: ${names[corners[name]]}`; }
  $("countText").textContent = count;
});
const buildMorph = () => {
  $("count").oninput = morph;
  for (const name of "ABC") $("set" + name).onclick = () => { if (table.picture < 0) return say("choose one of the batch's pictures first"); corners[name] = table.picture; morph(); };
  watchers.push(() => { if (table.tab === "morph") morph(); });
};
