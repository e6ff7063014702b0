// wllama (llama.cpp compiled to WebAssembly) on the processor, behind the interface of ingle.mjs.

/** Its module asks for a context; a few tokens above what is used are its own reserve. */
const SPARE_TOKENS = 64;

export async function open(file, { nPrompt, nOutput, threads }) {
  const { Wllama } = await import("/wllama/esm/index.js");
  const module = { default: "/wllama/esm/wasm/wllama.wasm" };
  const wllama = new Wllama(module, { suppressNativeLog: true });
  await wllama.loadModel([file], {
    n_gpu_layers: 0,
    n_threads: threads,
    n_parallel: 1,
    n_ctx: nPrompt + nOutput + SPARE_TOKENS,
  });
  return {
    threads: wllama.isMultithread() ? wllama.getNumThreads() : 1,
    build: Wllama.getLibllamaVersion(),
    async answer(text, nTokens) {
      const chunks = await wllama.createCompletion({
        prompt: text,
        max_tokens: nTokens,
        temperature: 0,
        ignore_eos: true,
        cache_prompt: false,
        stream: true,
      });
      let timings;
      for await (const chunk of chunks) timings = chunk.timings ?? timings;
      return {
        nRead: timings.prompt_n,
        nCached: timings.cache_n,
        nOutput: timings.predicted_n,
        prefillMs: timings.prompt_ms,
        decodeMs: timings.predicted_ms,
      };
    },
  };
}
