//! `cargo xtask start`: from a fresh checkout to a chat in the browser.

use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{env, fs};

use anyhow::{Context, Result, bail};

use crate::process::{self, program};
use crate::serve::{self, Site};
use crate::setup;
use crate::web::{self, Form};

#[derive(clap::Args)]
pub struct Args {
    /// A GGUF file to load in the page at once; it is served to this machine only.
    file: Option<PathBuf>,
    /// Port of the page on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Print the address without opening the browser.
    #[arg(long)]
    no_open: bool,
    /// Build the page only and leave the native `ingle` for later.
    #[arg(long)]
    page_only: bool,
}

/// Sets up, builds, serves, and stays until it is ended with Ctrl-C.
pub fn run(args: &Args) -> Result<()> {
    let model = args.file.as_deref().map(model_file).transpose()?;
    timed("looking for Node.js", setup::node)?;
    timed("the wasm modules", || web::wasm(Form::Release, None))?;
    timed("npm packages", setup::npm_packages)?;
    timed("the engine package and the chat page", web::packages)?;
    if !args.page_only {
        timed("the native program (target/release/ingle)", native)?;
    }
    let site = Site { page: web::page_folder(), model: model.clone() };
    let server = serve::start(site, args.port)?;
    let address = address(server.addr.port(), model.as_deref())?;
    println!("\nThe chat page is served on this machine at\n\n    {address}\n");
    println!("Your files and words stay in the browser tab. End with Ctrl-C.");
    if !args.page_only {
        println!(
            "`target/release/ingle serve` serves the same page, and models of its own besides."
        );
    }
    if !args.no_open && env::var_os("CI").is_none() {
        open(&address);
    }
    server.wait();
    Ok(())
}

fn timed<T>(name: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("── {name}");
    let start = Instant::now();
    let value = step().with_context(|| format!("could not set up: {name}"))?;
    println!("   ok: {:.1} s", start.elapsed().as_secs_f64());
    Ok(value)
}

fn model_file(path: &Path) -> Result<PathBuf> {
    let is_file = fs::metadata(path)
        .with_context(|| format!("cannot open the model file {}", path.display()))?
        .is_file();
    if !is_file {
        bail!("{} is not a file; give the path of a .gguf file", path.display());
    }
    Ok(path.canonicalize()?)
}

fn native() -> Result<()> {
    process::run(process::cargo().args(["build", "--release", "-p", "native-host"]))
}

fn address(port: u16, model: Option<&Path>) -> Result<String> {
    let page = format!("http://127.0.0.1:{port}/");
    let Some(model) = model else { return Ok(page) };
    let name = model
        .file_name()
        .and_then(|name| name.to_str())
        .context("the model's file name is not valid Unicode; rename it")?;
    Ok(format!("{page}?model=models/{}", serve::encode(name)))
}

/// Opens the address in the default browser; where that does not work, the printed line is there.
fn open(address: &str) {
    let mut command = if cfg!(target_os = "macos") {
        program("open")
    } else if cfg!(windows) {
        let mut command = program("rundll32");
        command.arg("url.dll,FileProtocolHandler");
        command
    } else if env::var_os("DISPLAY").is_some() || env::var_os("WAYLAND_DISPLAY").is_some() {
        program("xdg-open")
    } else {
        return;
    };
    if let Err(error) = command.arg(address).spawn() {
        println!("(no browser could be opened: {error})");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() -> Result<()> {
        assert_eq!(address(7, None)?, "http://127.0.0.1:7/");
        let model = Path::new("some").join("my model.gguf");
        let wanted = "http://127.0.0.1:7/?model=models/my%20model.gguf";
        assert_eq!(address(7, Some(&model))?, wanted);
        Ok(())
    }

    #[test]
    fn a_missing_model_is_named() {
        let error = model_file(Path::new("no-such.gguf")).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("cannot open the model file no-such.gguf"));
        assert!(model_file(&process::root()).is_err());
    }
}
