// Judges every file of a list with the wasm32 build of the reader: node wasm32.mjs MODULE FILES
// FILES is: for each file a u32 length (little-endian) and its bytes. One line of output per file
// and set of limits.
import { readFileSync } from "node:fs";

const [module, list] = process.argv.slice(2);
const { instance } = await WebAssembly.instantiate(readFileSync(module), {});
const { input, judge, output, memory } = instance.exports;
const files = readFileSync(list);
const lines = [];
for (let at = 0; at < files.length; ) {
  const length = files.readUInt32LE(at);
  const file = files.subarray(at + 4, at + 4 + length);
  at += 4 + length;
  for (const limits of [0, 1]) {
    const place = input(length) >>> 0;
    new Uint8Array(memory.buffer, place, length).set(file);
    const n = judge(limits) >>> 0;
    lines.push(new TextDecoder().decode(new Uint8Array(memory.buffer, output() >>> 0, n)));
  }
}
process.stdout.write(lines.join("\n"));
