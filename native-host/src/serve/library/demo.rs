//! The demo model, which is inside of this program: a machine without a network has a model, too.
//!
//! It is the file that the page gets from its own folder, so the server sends these bytes there
//! instead of packing them a second time.

use hosting::library::Bundled;

/// `demo`: small talk, stories, sums; `www/demo/README.md` says what it is.
pub const DEMO: Bundled = Bundled {
    name: "demo",
    bytes: include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../www/demo/demo.gguf")),
};
