//! `cargo xtask dist`: what a release consists of, in `dist/`.

use std::env::consts::{ARCH, EXE_SUFFIX, OS};
use std::fs;

use anyhow::{Context, Result};
use serde_json::json;

use crate::harness;
use crate::process;
use crate::web::{self, Form};

/// Packages of `www/` that are published.
const PUBLISHED: [&str; 1] = ["@ingle/engine"];

/// npm puts files of this kind into a tarball if they stand beside the package's manifest.
const LICENSES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// The native program, npm tarballs, the chat page, and the sizes of all of them.
pub fn run() -> Result<()> {
    let dist = process::root().join("dist");
    fs::create_dir_all(&dist)?;
    web::build(Form::Release, None)?;
    web::check_sizes()?;
    let programs = harness::build(&["build", "--release", "-p", "native-host"])?;
    let built = programs.first().context("cargo built no native program")?;
    let name = format!("ingle-{OS}-{ARCH}{EXE_SUFFIX}");
    let native_bytes = fs::copy(&built.path, dist.join(&name))?;
    for license in LICENSES {
        let beside = process::root().join("www/packages/engine").join(license);
        fs::copy(process::root().join(license), beside)?;
    }
    for package in PUBLISHED {
        let mut pack = process::npm();
        pack.args(["pack", "--workspace", package, "--pack-destination"]).arg(&dist);
        process::run(&mut pack)?;
    }
    let mut wasm = serde_json::Map::new();
    for web::Size { module, raw, brotli } in web::sizes()? {
        wasm.insert(module.name.into(), json!({ "bytes": raw, "brotli_bytes": brotli }));
    }
    let sizes = json!({
        "native": { "name": name, "bytes": native_bytes },
        "wasm": wasm,
    });
    fs::write(dist.join("sizes.json"), format!("{sizes:#}\n"))?;
    println!("{sizes:#}\nwritten to dist/");
    Ok(())
}
