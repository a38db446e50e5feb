// Pictures on canvases, and small helpers for elements.
const $ = id => document.getElementById(id);
const element = (tag, fields = {}, ...children) => { const e = Object.assign(document.createElement(tag), fields); e.append(...children); return e; };
const canvas = (label = "") => { const c = element("canvas", {width: W, height: H, className: "pixels"}); label ? (c.setAttribute("role", "img"), c.setAttribute("aria-label", label)) : c.setAttribute("aria-hidden", "true"); return c; };
const paint = (target, image, at = 0) => {
  const data = new ImageData(W, H), plane = H * W, base = at * SIZE;
  for (let p = 0; p < plane; p++) {
    for (let c = 0; c < 3; c++) data.data[4 * p + c] = Math.round(255 * image[base + (C === 3 ? c : 0) * plane + p]);
    data.data[4 * p + 3] = 255;
  }
  target.getContext("2d").putImageData(data, 0, 0);
};
// A map of non-negative numbers (H·W), black to orange, scaled to its largest.
const paintHeat = (target, values) => {
  const data = new ImageData(W, H), most = Math.max(1e-12, ...values);
  values.forEach((v, p) => data.data.set([255 * Math.min(1, 1.5 * v / most), 160 * v / most, 40 * v / most, 255], 4 * p));
  target.getContext("2d").putImageData(data, 0, 0);
};
const thumbnail = i => { const c = canvas(); paint(c, picture(i)); return c; };
const error = (a, b) => { let sum = 0; for (let p = 0; p < SIZE; p++) sum += (a[p] - b[p]) ** 2; return sum / SIZE; };
const say = text => { $("status").textContent = text; };
const save = (blob, name) => { const a = element("a", {href: URL.createObjectURL(blob), download: name}); a.click(); URL.revokeObjectURL(a.href); };
