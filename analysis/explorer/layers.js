// Layers: what the picture on the table leaves in the encoder, layer by layer; brightness is a share of the layer's largest.
const activations = image => queued(async () => {
  const answer = await encoder.run(feeds(encoder, image, [1, C, H, W], table.label), raw.layers);
  return raw.layers.map(name => ({dims: answer[name].dims, data: answer[name].data}));
});
const MAPS = 64;
const grid = (values, from, height, width, most, label) => {
  const c = element("canvas", {width, height, className: "pixels"}), data = new ImageData(width, height);
  c.setAttribute("role", "img"); c.setAttribute("aria-label", label);
  for (let p = 0; p < width * height; p++) { const v = 255 * Math.max(0, values[from + p]) / most; data.data.set([v, v, v, 255], 4 * p); }
  c.getContext("2d").putImageData(data, 0, 0);
  return c;
};
const drawLayers = latest(async () => {
  const found = await activations(table.image);
  $("layers").replaceChildren(...found.map(({dims, data}, n) => {
    const most = data.reduce((a, b) => Math.max(a, b), 1e-9), silent = data.reduce((count, v) => count + (v <= 0), 0) / data.length, maps = dims.length === 4;
    const title = `layer ${n + 1}: ${maps ? `${dims[1]} maps of ${dims[2]} × ${dims[3]}` : `${data.length} units`}, ${Math.round(100 * silent)} % silent`, side = Math.ceil(Math.sqrt(data.length));
    const pictures = maps ? Array.from({length: Math.min(MAPS, dims[1])}, (_, m) => grid(data, m * dims[2] * dims[3], dims[2], dims[3], most, `map ${m}`))
      : [grid(Float32Array.from({length: side * side}, (_, p) => data[p] || 0), 0, side, side, most, "units, row by row")];
    return element("section", {}, element("h2", {}, title), element("div", {className: "maps"}, ...pictures));
  }));
  if (!found.length) $("layers").replaceChildren(element("p", {className: "soft"}, "This encoder has no layers that can be shown."));
});
const buildLayers = () => watchers.push(what => { if (table.tab === "layers" && what !== "z") drawLayers(); });
