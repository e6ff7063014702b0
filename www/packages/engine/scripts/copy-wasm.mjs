// Puts the WebAssembly module and its glue beside the compiled TypeScript, so that dist/ is whole.
import { cpSync, existsSync, rmSync } from "node:fs";

const from = new URL("../wasm/", import.meta.url);
const to = new URL("../dist/wasm/", import.meta.url);
if (!existsSync(new URL("ingle_bg.wasm", from))) {
  console.error("The WebAssembly module is not built yet; run: cargo xtask web");
  process.exit(1);
}
rmSync(to, { recursive: true, force: true });
cpSync(from, to, { recursive: true });
