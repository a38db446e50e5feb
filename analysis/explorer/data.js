// The page's data, unpacked: arrays travel as gzip in base64.
const raw = JSON.parse(document.getElementById("data").textContent);
const unpack = async text => {
  const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer());
};
const floats = async text => new Float32Array((await unpack(text)).buffer);
const [C, H, W] = raw.shape, SIZE = C * H * W, D = raw.latents, CLASSES = raw.classes.length;
const names = raw.pictures.names, N = names.length;
const mu = await floats(raw.mu), logvar = await floats(raw.logvar), errors = await floats(raw.errors);
const centre = await floats(raw.plane.centre), directions = await floats(raw.plane.directions);
const pixels = await unpack(raw.pictures.pixels);
const order = [...raw.kl.keys()].sort((a, b) => raw.kl[b] - raw.kl[a]);
const used = order.filter(d => !raw.unused[d]), unused = order.filter(d => raw.unused[d]);

const row = (array, i) => array.slice(i * D, (i + 1) * D);
const unit = bytes => Float32Array.from(bytes, v => v / 255);
const picture = i => unit(pixels.subarray(i * SIZE, (i + 1) * SIZE));
const quantile = (sorted, q) => {
  const at = q * (sorted.length - 1), low = Math.floor(at), high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
};
const median = values => quantile(Float64Array.from(values).sort(), .5);
const digits = (value, n = 3) => Number(value.toPrecision(n)).toString();
