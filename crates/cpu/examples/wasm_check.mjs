// Runs the wasm_check example: `node crates/cpu/examples/wasm_check.mjs FILE.wasm [time]`.
//   CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS=-Ctarget-feature=+simd128 cargo build \
//     --profile web -p cpu --example wasm_check --target wasm32-unknown-unknown \
//     --features relaxed-simd
// Prints one line per instruction set of the module: `ok NAME` or `FAILED NAME: reason`. With
// `time`, rates of decode and prefill follow; a browser's engine may be newer than node's, so the
// same functions can also be run in a page (`check`, `time` are exported).
import { readFileSync } from "node:fs";
import v8 from "node:v8";

/** Errors of 8-bit activations are below 1e-9 here: both sides quantize alike. */
const MAX_NMSE = 1e-8;
/** Rows of the prompt that is timed: the most of one job. */
const ROWS = 64;
const TYPES = ["Q4_0", "Q8_0", "Q4_K", "Q6_K", "Q5_0", "F16"];

/** Names of the module's instruction sets, best first. */
export function sets({ n_sets, set_name, set_name_len, memory }) {
  const name = (_, i) =>
    new TextDecoder().decode(new Uint8Array(memory.buffer, set_name(i), set_name_len(i)));
  return Array.from({ length: n_sets() }, name);
}

/** Milliseconds of one token and of a prompt, of the best of a few runs, and bytes of weights. */
export function time({ prepare, run }, set, type, now) {
  prepare(set, type, false);
  for (let i = 0; i < 4; i++) run(1, i);
  run(ROWS, 0);
  const best = (n, times) => {
    let shortest = Infinity;
    for (let i = 0; i < times; i++) {
      const start = now();
      run(n, 0);
      shortest = Math.min(shortest, now() - start);
    }
    return shortest;
  };
  const large = { bytes: run(1, 0), decode: best(1, 8), prefill: best(ROWS, 3) };
  prepare(set, type, true);
  for (let i = 0; i < 8; i++) run(1, 0);
  const many = (times) => {
    const start = now();
    for (let i = 0; i < times; i++) run(1, 0);
    return (now() - start) / times;
  };
  return { ...large, cachedBytes: run(1, 0), cached: Math.min(many(100), many(100)) };
}

/** Times as rates: GB/s of weights, and GOPS of a prompt (60.8 million weights a layer). */
export function rates({ bytes, decode, prefill, cached, cachedBytes }) {
  const gops = (2 * ROWS * 4 * 60.8e6) / prefill / 1e6;
  const gb = (n, ms) => (n / ms / 1e6).toFixed(1);
  const decoded = `decode ${gb(bytes, decode)} GB/s, in cache ${gb(cachedBytes, cached)} GB/s`;
  return `${decoded}, prefill ${gops.toFixed(0)} GOPS`;
}

export { TYPES };

async function main([file, timed]) {
  // Node 20 has relaxed SIMD behind a flag; later ones ignore it.
  v8.setFlagsFromString("--experimental-wasm-relaxed-simd");
  const { instance } = await WebAssembly.instantiate(readFileSync(file), {});
  const names = sets(instance.exports);
  for (const [i, name] of names.entries()) {
    const error = instance.exports.check(i);
    const verdict = error <= MAX_NMSE ? "ok" : "FAILED";
    console.log(`${verdict} ${name}: NMSE ${error.toExponential(1)} against ${names.at(-1)}`);
    if (verdict === "FAILED") process.exitCode = 1;
    if (!timed || i === names.length - 1) continue;
    for (const [type, typeName] of TYPES.entries()) {
      // Time the process ran, not the clock: the machine may be shared.
      const now = () => process.cpuUsage().user / 1e3;
      console.log(`   ${typeName}: ${rates(time(instance.exports, i, type, now))}`);
    }
  }
}

if (globalThis.process?.argv?.[1]?.endsWith("wasm_check.mjs")) await main(process.argv.slice(2));
