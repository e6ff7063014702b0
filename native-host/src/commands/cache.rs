//! `ingle cache`: what analyses have measured, listed, carried elsewhere and forgotten.

use serde_json::{Value, json};

use super::{human, print_json};
use crate::analyses::{Database, Entry, exchange};
use crate::args::{CacheArgs, CacheCommand, Format};
use crate::failure::Failure;
use crate::term;

/// Digits of a digest that are shown.
const DIGITS: usize = 12;

/// Nanoseconds of a second.
const NANOS: u64 = 1_000_000_000;

pub fn run(args: &CacheArgs) -> Result<(), Failure> {
    let mut database = Database::open();
    match &args.command {
        CacheCommand::List { format } => list(&database.entries(), *format),
        CacheCommand::Export { file } => {
            exchange::export(&mut database, file)?;
            let n = database.entries().len();
            term::line(&format!("{} analyses in {}", n, term::clean(&file.to_string_lossy())))
        }
        CacheCommand::Import { file } => {
            let (added, refused) = exchange::import(&mut database, file)?;
            if refused > 0 {
                term::warning(&format!("{refused} entries are damaged and were left out"));
            }
            term::line(&format!("{added} analyses added"))
        }
        CacheCommand::Clear => term::line(&format!("{} analyses forgotten", database.clear())),
    }
}

fn list(entries: &[Entry], format: Format) -> Result<(), Failure> {
    if format == Format::Json {
        let all: Vec<Value> = entries.iter().map(object).collect();
        return print_json(&all);
    }
    let mut rows =
        vec![["MODEL", "SHA-256", "TEXT", "MEASURED", "TOOK", "WITH"].map(str::to_owned).to_vec()];
    rows.extend(entries.iter().map(|entry| {
        let digits: String = entry.model_sha256.chars().take(DIGITS).collect();
        let took = human::duration((entry.seconds.max(0.0).round() as u64).saturating_mul(NANOS));
        let (model, text) = (entry.model.clone(), entry.text.clone());
        vec![model, digits, text, entry.made.clone(), took, entry.settings.clone()]
    }));
    term::text_out(&human::table("", &rows))
}

fn object(entry: &Entry) -> Value {
    json!({
        "model": entry.model,
        "model_sha256": entry.model_sha256,
        "text": entry.text,
        "settings": entry.settings,
        "made": entry.made,
        "seconds": entry.seconds,
    })
}
