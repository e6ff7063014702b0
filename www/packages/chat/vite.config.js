import { defineConfig } from "vite";

// The policy the built page runs under: only its own scripts and styles, and no HTML from strings.
// Connections may go anywhere, because a model may be fetched from any address a person types.
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src *",
  "base-uri 'none'",
  "form-action 'none'",
  "trusted-types default",
  "require-trusted-types-for 'script'",
].join("; ");

export default defineConfig({
  base: "./", // served from any folder
  worker: { format: "es" },
  build: {
    target: "es2022",
    modulePreload: false,
    assetsInlineLimit: 0,
    reportCompressedSize: true,
  },
  plugins: [
    {
      name: "policy",
      apply: "build",
      transformIndexHtml: () => [
        {
          tag: "meta",
          attrs: { "http-equiv": "Content-Security-Policy", content: POLICY },
          injectTo: "head-prepend",
        },
      ],
    },
  ],
});
