// The model's two networks in onnxruntime-web: one thread, since a file has no shared memory; one question at a time.
const address = URL.createObjectURL(new Blob([await unpack(raw.runtime.script)], {type: "text/javascript"}));
const ort = await import(address);
ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmBinary = (await unpack(raw.runtime.wasm)).buffer;
const open = async text => ort.InferenceSession.create(await unpack(text), {executionProviders: ["wasm"]});
const encoder = await open(raw.networks.encoder), decoder = await open(raw.networks.decoder);

let last = Promise.resolve();
const queued = task => (last = last.then(task, task));
const feeds = (session, array, shape, label) => {
  const inputs = {[session.inputNames[0]]: new ort.Tensor("float32", array, shape)};
  if (CLASSES) inputs[session.inputNames[1]] = new ort.Tensor("int64", BigInt64Array.from({length: shape[0]}, (_, k) => BigInt(label.at ? label.at(k) : label)), [shape[0]]);
  return inputs;
};
// decode: n latent vectors, one after the other in `z`, with one label or n → n pictures as floats in 0..1.
const decode = (z, label = 0) => queued(async () => {
  const answer = await decoder.run(feeds(decoder, Float32Array.from(z), [z.length / D, D], label));
  return answer[decoder.outputNames[0]].data;
});
// encode: one picture of floats in 0..1 → {mu, logvar}.
const encode = (image, label = 0) => queued(async () => {
  const [m, v] = encoder.outputNames, answer = await encoder.run(feeds(encoder, image, [1, C, H, W], label), [m, v]);
  return {mu: answer[m].data, logvar: answer[v].data};
});
// Only the newest of many questions is worth an answer while a slider moves.
const latest = task => { let wanted = null, busy = false; return async (...args) => {
  wanted = args; if (busy) return; busy = true;
  try { while (wanted) { const now = wanted; wanted = null; await task(...now); } } finally { busy = false; }
}; };
