import vue from "@vitejs/plugin-vue";

// For Vue; the engine needs nothing here.
export default { plugins: [vue()], base: "./" };
