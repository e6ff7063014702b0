//! `ingle logits`: raw numbers of a model, for comparing players and programs.
//!
//! The file appears under its name only when it is complete.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use engine::Session;

use crate::args::LogitsArgs;
use crate::failure::Failure;
use crate::load;

pub fn run(args: &LogitsArgs) -> Result<(), Failure> {
    let mut session = load::load(&args.file, &args.load)?;
    let name = args.out.display().to_string();
    if args.out.as_os_str() == "-" {
        return write_logits(&mut session, args, io::stdout().lock())?
            .flush()
            .map_err(|error| Failure::output("standard output", error));
    }
    if fs::metadata(&args.out).is_ok_and(|found| !found.is_file()) {
        // A device or a pipe has no name to take at the end.
        let file = File::create(&args.out).map_err(|error| Failure::output(&name, error))?;
        write_logits(&mut session, args, file)?;
        return Ok(());
    }
    let partial = Partial::new(&args.out);
    let file = File::create(&partial.path).map_err(|error| Failure::output(&name, error))?;
    write_logits(&mut session, args, file)?;
    fs::rename(&partial.path, &args.out).map_err(|error| Failure::output(&name, error))
}

fn write_logits<W: Write>(session: &mut Session, args: &LogitsArgs, out: W) -> Result<W, Failure> {
    let name = args.out.display().to_string();
    let mut out = BufWriter::new(out);
    let mut written = Ok(());
    let sink = |rows: &[f32]| {
        for value in rows {
            if written.is_ok() {
                written = out.write_all(&value.to_le_bytes());
            }
        }
    };
    pollster::block_on(session.logits(&args.tokens, args.all, sink))?;
    written.map_err(|error| Failure::output(&name, error))?;
    out.into_inner().map_err(|error| Failure::output(&name, error.into_error()))
}

/// A file beside its final place, removed unless it was renamed.
struct Partial {
    path: PathBuf,
}

impl Partial {
    fn new(path: &Path) -> Partial {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        Partial { path: path.with_file_name(name) }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // After the rename there is nothing left to remove.
        let _ = fs::remove_file(&self.path);
    }
}
