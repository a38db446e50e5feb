// A picture of one's own: dropped, pasted or picked, prepared as the manifest says (Pillow's way: cut to the middle, then resized).
// Pillow's resampling of the stretch start … start + extent of `from` pixels: the filter widens as it shrinks.
const weights = (from, start, extent, to, shape) => Array.from({length: to}, (_, k) => {
  const scale = extent / to, width = Math.max(1, scale), middle = start + (k + .5) * scale, first = Math.max(0, Math.floor(middle - width + .5)), end = Math.min(from, Math.floor(middle + width + .5));
  const w = Array.from({length: end - first}, (_, n) => shape((n + first - middle + .5) / width)), sum = w.reduce((a, b) => a + b, 0);
  return {first, w: w.map(v => v / sum)};
});
const triangle = x => Math.max(0, 1 - Math.abs(x)), byte = v => Math.min(255, Math.max(0, Math.round(v)));
const resized = ({data, width, height}, [x0, y0, dx, dy], w, h) => {
  const across = weights(width, x0, dx, w, triangle), down = weights(height, y0, dy, h, triangle), middle = new Float64Array(3 * w * height), out = new Float64Array(3 * w * h);
  for (let y = 0; y < height; y++) across.forEach(({first, w: f}, x) => { for (let c = 0; c < 3; c++) { let s = 0; f.forEach((v, n) => { s += v * data[3 * (y * width + first + n) + c]; }); middle[3 * (y * w + x) + c] = byte(s); } });
  down.forEach(({first, w: f}, y) => { for (let x = 0; x < w; x++) for (let c = 0; c < 3; c++) { let s = 0; f.forEach((v, n) => { s += v * middle[3 * ((first + n) * w + x) + c]; }); out[3 * (y * w + x) + c] = byte(s); } });
  return out;
};
const prepared = async blob => {
  const bitmap = await createImageBitmap(blob), how = raw.preprocessing, c = element("canvas", {width: bitmap.width, height: bitmap.height}), pen = c.getContext("2d");
  pen.fillStyle = "black"; pen.fillRect(0, 0, c.width, c.height); pen.drawImage(bitmap, 0, 0);
  let [x, y, w, h] = [0, 0, bitmap.width, bitmap.height];
  if (how.crop_size) { const [ch, cw] = how.crop_size; if (ch > h || cw > w) throw Error(`a picture of at least ${ch} × ${cw} pixels is needed, this one has ${h} × ${w}`); x = (w - cw) >> 1; y = (h - ch) >> 1; [w, h] = [cw, ch]; }
  const fit = [0, 0, w, h], ratio = W / H;                             // Pillow's ImageOps.fit: fractions of pixels, too
  if (how.crop === "centre") { if (w / h >= ratio) { fit[2] = ratio * h; fit[0] = (w - fit[2]) / 2; } else { fit[3] = w / ratio; fit[1] = (h - fit[3]) / 2; } }
  const rgba = pen.getImageData(x, y, w, h).data, rgb = new Float64Array(3 * w * h), grey = how.mode === "L";
  for (let p = 0; p < w * h; p++) { const [r, g, b] = rgba.subarray(4 * p, 4 * p + 3), l = (19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16; rgb.set(grey ? [l, l, l] : [r, g, b], 3 * p); }
  const small = w === W && h === H ? rgb : resized({data: rgb, width: w, height: h}, fit, W, H), image = new Float32Array(SIZE);
  for (let p = 0; p < H * W; p++) for (let c = 0; c < C; c++) image[c * H * W + p] = small[3 * p + c] / 255;
  return {image, exact: how.resample === "bilinear" || (w === W && h === H)};
};
const bring = async (blob, name) => {
  try {
    const {image, exact} = await prepared(blob), {mu: m, logvar: s} = await encode(image, table.label);
    keep(); Object.assign(table, {picture: -1, image, own: m.slice(), z: m.slice(), sigma: s.map(v => Math.exp(v / 2)), brought: exact ? name : `${name} (prepared approximately)`});
    show("explore"); changed("picture"); say(`${name} is on the table`);
  } catch (problem) { say(`${name} cannot be read as a picture: ${problem.message}`); }
};
const buildBring = () => {
  $("file").onchange = () => { const [file] = $("file").files; if (file) bring(file, file.name); };
  document.addEventListener("dragover", event => event.preventDefault());
  document.addEventListener("drop", event => { event.preventDefault(); const [file] = event.dataTransfer.files; if (file) bring(file, file.name); });
  document.addEventListener("paste", event => { const [file] = event.clipboardData.files; if (file) bring(file, "the pasted picture"); });
};
