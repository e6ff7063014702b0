// What the page and the native command say of a model, number by number.
import { assert } from "./report.mjs";

/**
 * Below this a number's distance is not taken as a part of it: it is a difference of larger ones.
 * Divergences of single places are sums over log-probabilities in 32 bits, whose last digit is
 * half a millionth; in means over many places less is left of that. The perplexities that are
 * subtracted are some 600.
 */
function small(at) {
  if (at.includes(".difference.")) return 600;
  return at.includes("kl_percentiles") ? 1 : 0.1;
}

/** The largest distance of two numbers anywhere in two values of one shape. */
function farthest(got, want, at = "") {
  if (typeof want === "number")
    return { off: Math.abs(got - want) / Math.max(Math.abs(want), small(at)), at, got, want };
  if (want === null || typeof want !== "object") {
    assert.equal(got, want, at);
    return { off: 0, at };
  }
  assert.deepEqual(Object.keys(got).sort(), Object.keys(want).sort(), at);
  const all = Object.keys(want).map((key) => farthest(got[key], want[key], `${at}.${key}`));
  return all.reduce((most, one) => (one.off > most.off ? one : most), { off: 0, at });
}

/** The numbers of `want`, by its names, are those of `got` within a millionth. */
export function isSame(got, want) {
  const most = farthest(Object.fromEntries(Object.keys(want).map((key) => [key, got[key]])), want);
  assert.ok(most.off < 1e-6, JSON.stringify(most));
  return most.off;
}

/** What the page says of two models under the names that the native command has. */
export function asNative({ baseline, quantized, ...all }) {
  const model = {
    perplexity: quantized.perplexity,
    tokens_scored: all.tokens,
    weight_bytes: quantized.weightBytes,
    main_type: quantized.type,
    layers: all.layers,
    tensors: all.tensors,
    comparison: {
      base_perplexity: baseline.perplexity,
      correlation: all.correlation,
      log_ratio: all.logRatio,
      ratio: all.ratio,
      difference: all.difference,
      kl: all.kl,
      kl_percentiles: all.klPercentiles,
      delta_p: all.deltaP,
      delta_p_rms: all.deltaPRms,
      delta_p_percentiles: all.deltaPPercentiles,
      same_top: all.sameTop,
    },
  };
  const { weightBytes: weight_bytes, type: main_type } = baseline;
  return { weight_bytes, main_type, ctx: all.contextLength, chunks: all.chunks, models: [model] };
}
