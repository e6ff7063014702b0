//! Every bound on what a request may ask, with its reason.

/// Bytes of a JSON body: room for a few pictures in base64, as clients send them, and far above
/// any text that a context holds.
pub const MAX_JSON_BYTES: usize = 32 << 20;

/// Levels of nesting in a JSON body. Tool schemas of real programs stay below 20; the parser
/// recurses once per level.
pub const MAX_JSON_DEPTH: usize = 64;

/// Values in a JSON body. A value costs about 50 bytes of memory however short its text is, so
/// without this bound 32 MiB of `[[],[],…` would become half a gigabyte.
pub const MAX_JSON_VALUES: usize = 1 << 20;

/// Bytes of a path and of a query: a name of four parts in percent-encoding, several times over.
pub const MAX_URL_BYTES: usize = 8 << 10;

/// Bytes of a model's name: the longest host (350) and three parts of 80, and room.
pub const MAX_NAME_BYTES: usize = 1 << 10;

/// Messages of one conversation. Templates run once per message, so the bound is one on time.
pub const MAX_MESSAGES: usize = 10_000;

/// Tools of one request: their schemas are part of the prompt.
pub const MAX_TOOLS: usize = 1_000;

/// Stop strings: each is looked for in every piece of text.
pub const MAX_STOPS: usize = 64;

/// Bytes of one stop string: text is held back as long as it may become one.
pub const MAX_STOP_BYTES: usize = 1 << 10;

/// Entries of `logit_bias`; OpenAI's own bound.
pub const MAX_LOGIT_BIAS: usize = 1_024;

/// Prompts of one `/v1/completions`, inputs of one embedding request: each is a run of the model
/// that holds a slot. OpenAI's own bound.
pub const MAX_INPUTS: usize = 2_048;

/// Answers to one prompt (`n`): each is a run of the model while the client waits.
pub const MAX_CHOICES: u32 = 16;

/// Bytes of an uploaded blob: above every model that exists; it bounds a stream that never ends.
pub const MAX_BLOB_BYTES: u64 = 1 << 42;

/// Largest context that can be asked for: positions are counted in 24 bits on some devices.
pub const MAX_NUM_CTX: u32 = 1 << 24;

/// Smallest context, as Ollama's: a token of prompt, and a few of answer.
pub const MIN_NUM_CTX: u32 = 4;

/// Seconds that a model may be kept in memory before it counts as "forever" (100 years): longer
/// spans overflow dates.
pub const MAX_KEEP_ALIVE_SECONDS: u64 = 100 * 365 * 24 * 3600;
