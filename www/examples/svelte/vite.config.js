import { svelte } from "@sveltejs/vite-plugin-svelte";

// For Svelte; the engine needs nothing here.
export default { plugins: [svelte()], base: "./" };
