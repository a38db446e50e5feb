// Odd ones: which codes lie far from the context's, by the sum over latents of squared robust z; and what one latent has to do with it.
const part = (d, value) => ((value - spread[d].middle) / Math.max(spread[d].mad, 1e-3)) ** 2;
const oddness = z => used.reduce((sum, d) => sum + part(d, z[d]), 0);
const leading = z => used.reduce((best, d) => part(d, z[d]) > part(best, z[best]) ? d : best, used[0]);
const drawOdd = () => {
  if (!used.length) { $("odd").replaceChildren(element("p", {className: "soft"}, "No latent says anything, so none can be odd.")); return; }
  const found = members().map(i => [oddness(row(mu, i)), i]).sort((a, b) => b[0] - a[0]), now = oddness(table.z), lead = leading(table.z), rank = 1 + found.filter(([s, i]) => s > now + 1e-9 && i !== table.picture).length;
  $("oddNow").textContent = `As it is now: rank ${rank} of ${found.length}, oddness ${digits(now)}; most by ${titleOf(lead)} (z${lead}), ${Math.round(100 * part(lead, table.z[lead]) / Math.max(now, 1e-12))} % of it.`;
  $("odd").replaceChildren(...found.slice(0, 12).map(([score, i], n) => { const lead_ = leading(row(mu, i)), b = element("button", {className: "oddity" + (i === table.picture ? " here" : "")}, thumbnail(i), element("span", {}, `${n + 1} · ${names[i]}`), element("span", {className: "soft"}, `${digits(score)}, ${titleOf(lead_)}`)); b.onclick = () => { keep(); choose(i); }; return b; }));
};
const buildOdd = () => {
  $("toMiddle").onclick = () => { keep(); const d = leading(table.z); move(d, spread[d].middle); strips(); };
  watchers.push(() => { if (table.tab === "odd") { drawOdd(); paintOdd(); } });
};
const paintOdd = latest(async () => { paint($("oddWas"), table.image); paint($("oddIs"), await decode(table.z, table.label)); });
