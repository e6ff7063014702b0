//! The browser build: wasm, its JavaScript glue, the engine package, the chat page.
//!
//! cargo compiles `crates/web` once per module of [`MODULES`], the `bindgen` program beside this
//! one writes the glue into `www/packages/engine/wasm/`, `wasm-opt` shrinks the module if it is
//! installed, and npm builds the two packages. wasm-pack is not used: it would download a second
//! bindgen and hide the flags.
//!
//! Four modules of the engine, because a browser refuses a whole module for one instruction that
//! it does not know, and shared memory for a page that is not isolated. The page takes one of them;
//! which ones there are it reads in `builds.js`, which is written here. A fifth, the workshop, is
//! made of the same crate with another feature and fetched by pages that make a model smaller. It
//! needs no relaxed SIMD: what that offers rounds otherwise, and a quantized file has exact bytes.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::harness;
use crate::process::{self, program};
use crate::setup::{self, WASM_TARGET};

/// What all modules use: every browser that is still in use has 128-bit SIMD.
const FEATURES: &str = "-C target-feature=+simd128";

/// Threads are shared memory. Its size has a limit that must be said (all that 32 bits can name),
/// and the glue of each thread sets up a stack and the thread's own variables.
const THREAD_FLAGS: &str = ",+atomics,+bulk-memory,+mutable-globals \
    -C link-arg=--shared-memory -C link-arg=--import-memory -C link-arg=--max-memory=4294967296 \
    -C link-arg=--export=__wasm_init_tls -C link-arg=--export=__tls_size \
    -C link-arg=--export=__tls_align -C link-arg=--export=__tls_base";

/// One way to build the browser module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Module {
    /// As the page calls it.
    pub name: &'static str,
    /// Names of its files.
    stem: &'static str,
    relaxed: bool,
    threads: bool,
}

/// All modules of the engine; the first one runs everywhere.
pub const MODULES: [Module; 4] = [
    Module { name: "simd", stem: "ingle", relaxed: false, threads: false },
    Module { name: "relaxed", stem: "ingle-relaxed", relaxed: true, threads: false },
    Module { name: "simd-threads", stem: "ingle-threads", relaxed: false, threads: true },
    Module { name: "relaxed-threads", stem: "ingle-relaxed-threads", relaxed: true, threads: true },
];

/// The module that makes smaller models.
pub const WORKSHOP: Module =
    Module { name: "workshop", stem: "ingle-workshop", relaxed: false, threads: false };

/// What rustc's wasm target uses. Named one by one: `--all-features` would let `wasm-opt` write
/// instructions that browsers do not know.
const WASM_OPT_FLAGS: [&str; 10] = [
    "-O3",
    "--enable-simd",
    "--enable-bulk-memory",
    "--enable-mutable-globals",
    "--enable-sign-ext",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-multivalue",
    "--enable-threads",
    "--enable-relaxed-simd",
];

/// Longest time of `wasm-opt`, which needs seconds.
const WASM_OPT_LIMIT: Duration = Duration::from_secs(300);

/// The budget of a compressed module: a page on a slow line (10 Mbit/s) has it in 1.2 s.
pub const WASM_BROTLI_BYTES_MAX: u64 = 1_500_000;

/// The same for the workshop: a page that wants it is on its way to work of minutes.
pub const WORKSHOP_BROTLI_BYTES_MAX: u64 = 300_000;

/// How the browser module is compiled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Compiles fast, keeps names for the browser's debugger; the first module and the workshop.
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

/// The wasm modules with their glue. Returns those that cannot be built here, as sentences.
pub fn wasm(form: Form) -> Result<Vec<String>> {
    setup::wasm_target()?;
    let no_threads = setup::rust_source().err();
    let folder = wasm_folder();
    // What an earlier build left must not be taken for this one's.
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let (mut built, mut skipped) = (Vec::new(), Vec::new());
    let only = env::var(ONLY).ok();
    let is_wanted = |module: &Module| match (&only, form) {
        (Some(names), _) => names.split(',').any(|name| module.name == name),
        (None, Form::Debug) => [MODULES[0], WORKSHOP].contains(module),
        (None, Form::Release) => true,
    };
    for &module in MODULES.iter().chain([&WORKSHOP]).filter(|module| is_wanted(module)) {
        match &no_threads {
            Some(reason) if module.threads => {
                skipped.push(format!("module {}: {reason:#}", module.name));
            }
            _ => built.push(module),
        }
    }
    let make = |modules: &[Module]| -> Result<()> {
        for &module in modules {
            bindgen(&compile(module, form)?, module, form)?;
            if form == Form::Release {
                optimize(&file_of(module))?;
            }
        }
        Ok(())
    };
    // Their target folders are two, and the longest phase of each build has one thread.
    let (shared, own): (Vec<Module>, Vec<Module>) = built.iter().partition(|module| module.threads);
    thread::scope(|scope| {
        let others = scope.spawn(|| make(&shared));
        let mine = make(&own);
        mine.and(others.join().unwrap_or_else(|_| bail!("a build of a module ended in a panic")))
    })?;
    fs::write(folder.join("builds.js"), builds_script(&built))?;
    fs::write(folder.join("builds.d.ts"), BUILDS_TYPES)?;
    fs::write(folder.join("workshop.js"), workshop_script(&built))?;
    fs::write(folder.join("workshop.d.ts"), WORKSHOP_TYPES)?;
    skipped.iter().for_each(|what| println!("   NOTE: not built: {what}"));
    Ok(skipped)
}

/// Names the modules that are built, for whoever measures or tries only those: `simd,workshop`.
const ONLY: &str = "INGLE_WEB_MODULE";

/// The types of what [`builds_script`] writes.
const BUILDS_TYPES: &str = "\
/** A module of this build: its glue, where it is, and its digest where a page pins it. */
interface Build {
  readonly load: () => Promise<typeof import(\"./ingle.js\")>;
  readonly file: URL;
  readonly integrity?: string;
}
/** All of them by name. */
export const builds: { readonly [name: string]: Build | undefined };
";

/// The types of what [`workshop_script`] writes.
const WORKSHOP_TYPES: &str = "\
/** The module that makes smaller models; null in a build without it. */
export const workshop: {
  readonly load: () => Promise<typeof import(\"./ingle-workshop.js\")>;
  readonly file: URL;
  readonly integrity?: string;
} | null;
";

/// The modules as a table that bundlers understand: each address is written out.
fn builds_script(modules: &[Module]) -> String {
    let mut text = "export const builds = {\n".to_string();
    for module in modules.iter().filter(|module| **module != WORKSHOP) {
        text.push_str(&format!("  \"{}\": {},\n", module.name, entry(*module)));
    }
    text.push_str("};\n");
    text
}

/// The workshop has a script of its own: a bundler puts all that a script names beside each worker
/// that asks for it.
fn workshop_script(modules: &[Module]) -> String {
    let is_built = modules.contains(&WORKSHOP);
    let workshop = if is_built { entry(WORKSHOP) } else { "null".to_string() };
    format!("export const workshop = {workshop};\n")
}

fn entry(Module { stem, .. }: Module) -> String {
    format!(
        "{{\n    load: () => import(\"./{stem}.js\"),\n    \
         file: new URL(\"./{stem}_bg.wasm\", import.meta.url),\n  }}"
    )
}

fn file_of(module: Module) -> PathBuf {
    wasm_folder().join(format!("{}_bg.wasm", module.stem))
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

/// The environment that compiles a module. A variable of the target and not `RUSTFLAGS`, which
/// would reach build scripts and the native build too.
pub fn wasm_envs(threads: bool) -> Vec<(&'static str, String)> {
    const FLAGS: &str = "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS";
    if !threads {
        return vec![(FLAGS, FEATURES.to_string())];
    }
    // The standard library that comes compiled has no atomics; building it is a feature that only
    // this variable opens in a stable compiler. A folder of its own, since build scripts look at
    // the variable and everything would be compiled again at each change.
    let target = env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| process::root().join("target"), |folder| process::root().join(folder));
    vec![
        (FLAGS, format!("{FEATURES}{THREAD_FLAGS}")),
        ("RUSTC_BOOTSTRAP", "1".to_string()),
        ("CARGO_TARGET_DIR", target.join("wasm-threads").display().to_string()),
    ]
}

fn compile(module: Module, form: Form) -> Result<PathBuf> {
    let mut args = vec!["build", "-p", "web", "--target", WASM_TARGET, "--profile", profile(form)];
    if module == WORKSHOP {
        args.extend(["--no-default-features", "--features", "workshop"]);
    }
    if module.relaxed {
        args.extend(["--features", "relaxed-simd"]);
    }
    if module.threads {
        args.push("-Zbuild-std=std,panic_abort");
    }
    let files = harness::library_files(&args, &wasm_envs(module.threads), "web")?;
    files
        .into_iter()
        .find(|file| file.extension().is_some_and(|extension| extension == "wasm"))
        .context("cargo built crates/web but named no .wasm file; is it still a cdylib?")
}

fn bindgen(file: &Path, module: Module, form: Form) -> Result<()> {
    let mut command = process::cargo();
    command.args(["run", "--quiet", "-p", "xtask", "--features", "bindgen", "--bin", "bindgen"]);
    command.arg("--").arg(file).arg(wasm_folder()).arg(module.stem);
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

/// Sizes of a built module in bytes.
pub struct Size {
    pub module: Module,
    pub raw: u64,
    pub brotli: u64,
}

/// Measures the modules that are built; node's own brotli, at the level that static hosts use.
pub fn sizes() -> Result<Vec<Size>> {
    let script = "const { brotliCompressSync } = require('node:zlib'); \
        console.log(brotliCompressSync(require('node:fs').readFileSync(process.argv[1])).length)";
    let mut sizes = Vec::new();
    for module in MODULES.into_iter().chain([WORKSHOP]) {
        let Ok(metadata) = fs::metadata(file_of(module)) else { continue };
        let mut command = program("node");
        let text = process::stdout_of(command.arg("-e").arg(script).arg(file_of(module)))?;
        let brotli = text.trim().parse().with_context(|| format!("node printed '{text}'"))?;
        sizes.push(Size { module, raw: metadata.len(), brotli });
    }
    ensure!(!sizes.is_empty(), "no wasm module has been built");
    Ok(sizes)
}

/// Prints the sizes; an error if a compressed module is above its budget.
pub fn check_sizes() -> Result<()> {
    for Size { module, raw, brotli } in sizes()? {
        let (name, is_workshop) = (module.name, module == WORKSHOP);
        let max = if is_workshop { WORKSHOP_BROTLI_BYTES_MAX } else { WASM_BROTLI_BYTES_MAX };
        println!("   module {name}: {raw} bytes, {brotli} bytes with brotli (at most {max})");
        if brotli > max {
            bail!("the wasm module {name} has {brotli} bytes with brotli, above its {max}");
        }
    }
    Ok(())
}

/// The built chat page, ready to be served from any path.
pub fn page_folder() -> PathBuf {
    process::root().join("www/packages/chat/dist")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_modules_names_their_files() {
        let text = builds_script(&MODULES[..2]);
        assert!(text.contains(r#""relaxed": {"#) && text.contains("./ingle-relaxed_bg.wasm"));
        assert!(!text.contains("threads"));
    }

    #[test]
    fn the_workshop_is_in_a_script_of_its_own() {
        let all = [MODULES[0], WORKSHOP];
        assert!(!builds_script(&all).contains("workshop"));
        assert!(workshop_script(&all).contains("./ingle-workshop_bg.wasm"));
        assert_eq!(workshop_script(&MODULES), "export const workshop = null;\n");
    }
}
