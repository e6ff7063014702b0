//! Puts the chat page into the program, if it has been built.
//!
//! `npm run build` in `www/` packs the page into `page/`, each file as gzip under its own name with
//! `.gz` behind it. Here they are only listed: packing, which takes time, is done once there, and
//! an empty folder is a program without a page, so that Rust alone can compile it.

use std::env;
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=page");
    let folder = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("page");
    let mut files = Vec::new();
    list(&folder, "/", &mut files)?;
    files.sort();
    let mut table = String::from("&[\n");
    for (address, file) in files {
        writeln!(table, "    ({address:?}, include_bytes!({file:?})),")?;
    }
    table.push(']');
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("page.rs"), table)?;
    Ok(())
}

/// Adds the packed files below `folder`: their addresses without `.gz`, and where they are.
fn list(
    folder: &Path,
    prefix: &str,
    files: &mut Vec<(String, PathBuf)>,
) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|_| "a name is not UTF-8")?;
        if entry.file_type()?.is_dir() {
            list(&entry.path(), &format!("{prefix}{name}/"), files)?;
        } else if let Some(name) = name.strip_suffix(".gz") {
            files.push((format!("{prefix}{name}"), entry.path()));
        }
    }
    Ok(())
}
