// Runs the speed example in Node:
//   cargo build --profile web -p tokenizer --example speed --target wasm32-unknown-unknown
//   node crates/tokenizer/examples/speed.mjs \
//     target/wasm32-unknown-unknown/web/examples/speed.wasm VOCAB.gguf TEXT...
import { readFileSync } from "node:fs";

const [module, vocab, ...texts] = process.argv.slice(2);
const { instance } = await WebAssembly.instantiate(readFileSync(module), {});
const { memory, input, open, load, encode } = instance.exports;

const put = (bytes) => {
  // Before the view is made: making room may grow the memory, which ends earlier views.
  const at = input(bytes.length);
  new Uint8Array(memory.buffer, at, bytes.length).set(bytes);
};
const least = (n, run) => {
  let [shortest, result] = [Infinity, undefined];
  for (let i = 0; i < n; i++) {
    const start = performance.now();
    result = run();
    shortest = Math.min(shortest, performance.now() - start);
  }
  return [(shortest / 1e3).toFixed(4), result];
};

const file = readFileSync(vocab);
const [opened] = least(5, () => {
  put(file);
  open();
});
const [loaded, nVocab] = least(5, load);
console.log(`${vocab}: ${nVocab} tokens, header ${opened} s, vocabulary ${loaded} s`);
for (const path of texts) {
  const text = readFileSync(path);
  put(text);
  const [seconds, nIds] = least(9, encode);
  console.log(`${path}: ${text.length} bytes, ${nIds} ids, ${seconds} s`);
}
