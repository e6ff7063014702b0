// Runs the wasm_check example in node:
//   RUSTFLAGS=-Ctarget-feature=+simd128 cargo build --release -p cpu --example wasm_check \
//     --target wasm32-unknown-unknown
//   node crates/cpu/examples/wasm_check.mjs \
//     target/wasm32-unknown-unknown/release/examples/wasm_check.wasm
import { readFileSync } from "node:fs";

const { instance } = await WebAssembly.instantiate(readFileSync(process.argv[2]), {});
const { check, prepare, run } = instance.exports;

const error = check();
console.log("simd128 against portable: NMSE", error.toExponential(2));
if (!(error < 1e-4)) process.exit(1);

for (const [id, name] of ["Q4_0", "Q8_0", "Q4_K", "Q6_K"].entries()) {
  if (process.argv[3] === "fast") break;
  prepare(id);
  for (let i = 0; i < 4; i++) run(1, i);
  // Time the process ran, not the clock: the machine may be shared.
  const best = (n, times) => {
    let shortest = Infinity;
    for (let i = 0; i < times; i++) {
      const start = process.cpuUsage().user;
      run(n, 0);
      shortest = Math.min(shortest, (process.cpuUsage().user - start) / 1e3);
    }
    return shortest;
  };
  const bytes = run(1, 0);
  const [decode, prefill] = [best(1, 8), best(32, 3)];
  const gb = (bytes / decode / 1e6).toFixed(1);
  const gops = ((2 * 32 * 4 * 60.8e6) / prefill / 1e6).toFixed(0);
  console.log(`${name}: decode ${decode.toFixed(1)} ms, ${gb} GB/s`);
  console.log(`      prefill of 32 rows ${prefill.toFixed(0)} ms, about ${gops} GOPS`);
}
