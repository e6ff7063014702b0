//! Bounds on what a chat template may cost, each with its reason.
//!
//! A template is a program written by whoever made the model file. It runs in an interpreter
//! without access to the host, but an interpreter alone does not stop a program from doubling a
//! string forty times: these numbers do. They are constants and not options because a page and a
//! command must refuse the same files.

/// Longest template source, in bytes. The longest templates in use are about 20 KiB.
pub const MAX_SOURCE_BYTES: usize = 256 * 1024;

/// Deepest nesting of blocks plus brackets in the source. Real templates stay under 20; the parser
/// is recursive, and a page's stack is 1 MiB.
pub const MAX_SOURCE_DEPTH: usize = 64;

/// Most chaining operators (`+`, `|`, `.`, `[`, `not` …) inside one tag, and most `elif` branches
/// of one `if`: each adds a level to the syntax tree without adding a bracket.
pub const MAX_CHAIN: usize = 400;

/// Interpreter steps of one rendering, beside those for its messages.
pub const MAX_FUEL: u64 = 500_000;

/// Further steps per message. Most templates take about 100; some look back over all earlier
/// messages for each one, and must still manage a thousand.
pub const FUEL_PER_MESSAGE: u64 = 3_000;

/// Messages that bring steps: what is more has to do with those, so that no input runs for ever.
pub const MAX_FUELED_MESSAGES: usize = 2_000;

/// Frames of the interpreter: a `for` or `with` costs 1, a macro call about 6. Enough for JSON
/// schemas 30 levels deep.
pub const MAX_FRAMES: usize = 200;

/// Longest rendered prompt, in bytes: four million characters is more than a million tokens.
pub const MAX_OUTPUT_BYTES: usize = 4 * 1024 * 1024;

/// Bytes of values one rendering may create in total. Nothing created can outgrow it, so the heap
/// stays below 64 MiB whatever the template does.
pub const MAX_VALUE_BYTES: usize = 32 * 1024 * 1024;

/// Bytes of existing values one rendering may read (comparing, searching): bounds its time where
/// steps do not.
pub const MAX_READ_BYTES: usize = 256 * 1024 * 1024;

/// Deepest nesting of lists and dictionaries in a value, the caller's messages included.
pub const MAX_VALUE_DEPTH: usize = 64;

/// Bytes charged for one element of a list or dictionary, beside its text.
pub const NODE_BYTES: usize = 32;

/// Longest `range(...)`.
pub const MAX_RANGE: usize = 100_000;

/// Widest field in a format string such as `'%10s'`.
pub const MAX_FORMAT_WIDTH: usize = 9_999;

/// Variables in scope at one place of a Go template. Each use searches them; real templates have
/// fewer than ten.
pub const MAX_VARIABLES: usize = 256;
