// For Preact; the engine needs nothing here.
export default { oxc: { jsx: { runtime: "automatic", importSource: "preact" } }, base: "./" };
