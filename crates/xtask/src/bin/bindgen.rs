//! Writes the JavaScript glue of a wasm module: `bindgen INPUT.wasm OUT_DIR NAME [--debug]`.
//!
//! A program of its own and not a part of `xtask`, because the library behind it takes longer to
//! compile than all of `xtask`. A library and not the `wasm-bindgen` command, because its version
//! must equal the `wasm-bindgen` crate's to the last digit: the lock file pins both together, and
//! nobody has to install anything.

use anyhow::{Context, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (input, out_dir, name, debug) = match args.as_slice() {
        [input, out_dir, name] => (input, out_dir, name, false),
        [input, out_dir, name, flag] if flag == "--debug" => (input, out_dir, name, true),
        _ => bail!("usage: bindgen INPUT.wasm OUT_DIR NAME [--debug]"),
    };
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(input)
        .out_name(name)
        .typescript(true)
        .debug(debug)
        .keep_debug(debug)
        .remove_name_section(!debug)
        .remove_producers_section(!debug);
    bindgen.web(true)?;
    bindgen.generate(out_dir).with_context(|| {
        format!(
            "wasm-bindgen could not read {input}; the `wasm-bindgen` and \
             `wasm-bindgen-cli-support` entries of Cargo.lock must have the same version \
             (`cargo update -p wasm-bindgen -p wasm-bindgen-cli-support` brings them together)"
        )
    })
}
