//! Makes the seeded models and compares their bytes with recorded sums (`cargo xtask fixtures`).
//!
//! `fixtures SUMS [--bless] [--out DIR]`: `--bless` records the sums anew, `--out` also writes the
//! models as files, for people who want to try them. The models themselves are not in the
//! repository: a sum per model is enough to see that the same seed still gives the same bytes on
//! this machine, and a changed generator shows as a changed line in review.

use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use tests::{encoders, models, script};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some(sums) = args.first().map(Path::new) else {
        return Err("usage: fixtures SUMS [--bless] [--out DIR]".into());
    };
    let out = args.iter().position(|arg| arg == "--out").and_then(|at| args.get(at + 1));
    let mut made = String::new();
    let catalog = models::catalog().into_iter().chain(encoders::catalog());
    let seeded = catalog.map(|(name, spec)| (name, spec.bytes()));
    for (name, bytes) in seeded.chain([("scripted".to_owned(), script::bytes())]) {
        // Writing to a String cannot fail.
        let _ = writeln!(made, "{:016x} {:>8} {name}", fnv1a(&bytes), bytes.len());
        if let Some(folder) = out.map(Path::new) {
            fs::create_dir_all(folder)?;
            fs::write(folder.join(format!("{}.gguf", name.replace(' ', "-"))), &bytes)?;
        }
    }
    if let Some(folder) = out.map(Path::new) {
        for (part, bytes) in models::Spec::tiny("llama").split("llama-split", 3) {
            fs::write(folder.join(part), bytes)?;
        }
    }
    if args.iter().any(|arg| arg == "--bless") {
        fs::write(sums, &made)?;
        println!("recorded {} models", made.lines().count());
        return Ok(());
    }
    let recorded = fs::read_to_string(sums)?;
    let changed: Vec<&str> =
        made.lines().filter(|line| !recorded.lines().any(|old| old == *line)).collect();
    if !changed.is_empty() || made.lines().count() != recorded.lines().count() {
        let list = changed.join("\n");
        return Err(format!("seeded models changed (--bless records them anew):\n{list}").into());
    }
    println!("{} models have their recorded bytes", made.lines().count());
    Ok(())
}

/// Fowler–Noll–Vo, 64 bits: enough to see a change, and eight lines instead of a dependency.
fn fnv1a(bytes: &[u8]) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    bytes.iter().fold(OFFSET, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(PRIME))
}
