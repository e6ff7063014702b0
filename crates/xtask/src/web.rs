//! The browser build: wasm, its JavaScript glue, the engine package, the chat page.
//!
//! cargo compiles `crates/web`, the `bindgen` program beside this one writes the glue into
//! `www/packages/engine/wasm/`, `wasm-opt` shrinks the module if it is installed, and npm builds
//! the two packages. wasm-pack is not used: it would download a second bindgen and hide the flags.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::harness;
use crate::process::{self, program};
use crate::setup::{self, WASM_TARGET};

/// Every browser with WebGPU, and every one without it that is still in use, has 128-bit SIMD.
/// Relaxed SIMD and threads are not everywhere, so the one published module does without them.
const WASM_RUSTFLAGS: &str = "-C target-feature=+simd128";

/// What rustc's wasm target uses. Named one by one: `--all-features` would let `wasm-opt` write
/// instructions that browsers do not know.
const WASM_OPT_FLAGS: [&str; 8] = [
    "-O3",
    "--enable-simd",
    "--enable-bulk-memory",
    "--enable-mutable-globals",
    "--enable-sign-ext",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-multivalue",
];

/// Longest time of `wasm-opt`, which needs seconds.
const WASM_OPT_LIMIT: Duration = Duration::from_secs(300);

/// The budget of the compressed module: a page on a slow line (10 Mbit/s) has it in 1.2 s.
pub const WASM_BROTLI_BYTES_MAX: u64 = 1_500_000;

/// How the browser module is compiled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Compiles fast, keeps names for the browser's debugger.
    Debug,
    /// What is published.
    Release,
}

/// Where bindgen writes and npm reads.
pub fn wasm_folder() -> PathBuf {
    process::root().join("www/packages/engine/wasm")
}

/// Everything: wasm, glue, packages.
pub fn build(form: Form) -> Result<()> {
    wasm(form)?;
    setup::npm_packages()?;
    packages()
}

/// The wasm module and its glue.
pub fn wasm(form: Form) -> Result<()> {
    setup::wasm_target()?;
    let module = compile(form)?;
    bindgen(&module, form)?;
    if form == Form::Release {
        optimize(&wasm_folder().join("ingle_bg.wasm"))?;
    }
    Ok(())
}

/// The engine package (`tsc`) and the chat page (Vite).
pub fn packages() -> Result<()> {
    process::run(process::npm().args(["run", "build"]))
}

fn profile(form: Form) -> &'static str {
    match form {
        Form::Debug => "dev",
        Form::Release => "web",
    }
}

/// The environment that compiles for the browser. A variable of the target and not `RUSTFLAGS`,
/// which would reach build scripts and the native build too.
pub fn wasm_envs() -> [(&'static str, String); 1] {
    [("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", WASM_RUSTFLAGS.to_string())]
}

fn compile(form: Form) -> Result<PathBuf> {
    let args = ["build", "-p", "web", "--target", WASM_TARGET, "--profile", profile(form)];
    let files = harness::library_files(&args, &wasm_envs(), "web")?;
    files
        .into_iter()
        .find(|file| file.extension().is_some_and(|extension| extension == "wasm"))
        .context("cargo built crates/web but named no .wasm file; is it still a cdylib?")
}

fn bindgen(module: &Path, form: Form) -> Result<()> {
    let folder = wasm_folder();
    fs::create_dir_all(&folder)?;
    let mut command = process::cargo();
    command.args(["run", "--quiet", "-p", "xtask", "--features", "bindgen", "--bin", "bindgen"]);
    command.arg("--").arg(module).arg(&folder).arg("ingle");
    if form == Form::Debug {
        command.arg("--debug");
    }
    process::run(&mut command)
}

/// Shrinks the module in place. A missing `wasm-opt` is a note: the module is right without it.
fn optimize(module: &Path) -> Result<()> {
    if !process::exists("wasm-opt") {
        println!("   NOTE: wasm-opt is not installed; the module stays as the compiler wrote it");
        return Ok(());
    }
    let small = module.with_extension("opt.wasm");
    let mut command = program("wasm-opt");
    command.args(WASM_OPT_FLAGS).arg(module).arg("-o").arg(&small);
    let captured = process::capture(&mut command, WASM_OPT_LIMIT)?;
    if !captured.success {
        let reason = captured.text.lines().next().unwrap_or("no reason given");
        println!("   NOTE: wasm-opt is too old for this module, which stays as it was: {reason}");
        return Ok(());
    }
    fs::rename(&small, module)?;
    Ok(())
}

/// Sizes of the built module in bytes.
pub struct Size {
    pub raw: u64,
    pub brotli: u64,
}

/// Measures the module; node's own brotli, at the level that static hosts use.
pub fn size() -> Result<Size> {
    let module = wasm_folder().join("ingle_bg.wasm");
    let raw = fs::metadata(&module).context("the wasm module has not been built")?.len();
    let script = "const { brotliCompressSync } = require('node:zlib'); \
        console.log(brotliCompressSync(require('node:fs').readFileSync(process.argv[1])).length)";
    let text = process::stdout_of(program("node").arg("-e").arg(script).arg(&module))?;
    let brotli = text.trim().parse().with_context(|| format!("node printed '{text}'"))?;
    Ok(Size { raw, brotli })
}

/// Prints the sizes; an error if the compressed module is above its budget.
pub fn check_size() -> Result<()> {
    let Size { raw, brotli } = size()?;
    let max = WASM_BROTLI_BYTES_MAX;
    println!("   ingle_bg.wasm: {raw} bytes, {brotli} bytes with brotli (at most {max})");
    if brotli > max {
        bail!("the wasm module has {brotli} bytes with brotli, above its budget of {max}");
    }
    Ok(())
}

/// The built chat page, ready to be served from any path.
pub fn page_folder() -> PathBuf {
    process::root().join("www/packages/chat/dist")
}
