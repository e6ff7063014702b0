// Our engine package on the processor, behind the interface that every page of this bench has:
// `open` gives `{ threads, build, answer(text, nTokens) }`, and `answer` the engine's own times:
// until the first token was chosen, and from there to the last.

export async function open(file, { nPrompt, nOutput, threads }) {
  const { Engine } = await import("/ingle/public/index.js");
  const engine = await Engine.start({ device: "cpu", threads });
  const model = await engine.load({ file }, { contextLength: nPrompt + nOutput + 1 });
  const { adapter } = await engine.info();
  return {
    threads: Number(/(\d+) threads?/.exec(adapter)?.[1] ?? 0),
    build: adapter,
    async answer(text, nTokens) {
      let last;
      const settings = { prompt: text, maxTokens: nTokens, temperature: 0, ignoreEos: true };
      for await (const piece of model.generate(settings)) last = piece;
      const { promptTokens, cachedTokens, outputTokens, prefillMs, decodeMs } = last.timings;
      return {
        nRead: promptTokens - cachedTokens,
        nCached: cachedTokens,
        nOutput: outputTokens,
        prefillMs,
        decodeMs,
      };
    },
  };
}
