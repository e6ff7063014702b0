// The message catalogue of the design brief (Appendix A): each code, and where a test provokes it.
// The two scripts of codes note what they have seen; elsewhere the case is named.

const MODELS = { script: "chat-codes-models.mjs" };
const ANSWERS = { script: "chat-codes-answers.mjs" };
/** Why a code is none of this page's. */
const none = (reason) => ({ none: reason });
const there = (script, name) => ({ script, name });

/** [code of the catalogue, where, the code that this page has for it] */
export const CATALOGUE = [
  ["gpu.missing", ANSWERS],
  ["gpu.lost", ANSWERS],
  ["gpu.lost.often", ANSWERS],
  ["gpu.memory", ANSWERS],
  ["gpu.wrong", ANSWERS],
  ["gpu.slow", ANSWERS],
  ["engine.crash", ANSWERS],
  ["engine.crash.often", ANSWERS],
  [
    "engine.old",
    there("chat-access.mjs", "without WebAssembly SIMD the page says which browsers have it"),
  ],
  [
    "model.toobig",
    there(
      "chat-models.mjs",
      "a model that does not fit is not offered, with its sum and what would fit",
    ),
  ],
  ["model.unsupported", MODELS],
  ["model.damaged", MODELS],
  ["model.template", none("templates of models run as they are; one that fails is this code")],
  ["model.notemplate", ANSWERS],
  [
    "model.vision",
    there(
      "chat-safe.mjs",
      "attached and pasted text goes with the message, and a picture is refused in words",
    ),
  ],
  ["model.missing", MODELS],
  ["net.offline", MODELS],
  ["net.wait", MODELS],
  ["net.stalled", MODELS],
  ["net.http", MODELS],
  ["net.cors", MODELS],
  ["net.mismatch", MODELS],
  ["net.changed", MODELS],
  ["net.refused", MODELS],
  ["store.full", MODELS],
  ["store.chat", MODELS],
  ["store.memory", MODELS],
  ["store.maybe", MODELS],
  ["store.evicted", MODELS],
  [
    "store.locked",
    there(
      "chat-tabs.mjs",
      "two tabs have one engine, the second says so, and it takes over when the first closes",
    ),
  ],
  ["store.newer", MODELS],
  [
    "ctx.full",
    there(
      "chat-safe.mjs",
      "too long: nothing is cut without a choice, then the line says what is not seen",
    ),
  ],
  ["ctx.mid", ANSWERS],
  ["ctx.file", ANSWERS],
  ["ctx.left", ANSWERS],
  ["gen.empty", ANSWERS],
  ["gen.loop", ANSWERS],
  [
    "gen.length",
    there("chat-tabs.mjs", "a stopped answer goes on as the same answer, also after a reload"),
  ],
  ["gen.schema", ANSWERS],
  ["file.type", MODELS],
  ["file.part", MODELS],
  ["file.gone", MODELS],
  [
    "quant.again",
    there("chat-smaller.mjs", "a model that is quantized already is asked about first"),
  ],
  [
    "share.on",
    there("widget.mjs", "U57 shared text: said by the chip, in the events and by export"),
  ],
  [
    "remote.on",
    there("serve.mjs", "from another machine, its name is on everything that goes there"),
  ],
  ["serve.token", there("../serve/ends.rs", "a_start_that_would_stand_open_is_refused")],
];
