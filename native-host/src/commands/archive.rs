//! `ingle save`, `ingle load`, `ingle verify`: the store of this machine, without a server.
//!
//! They move or read whole models, for which a detour over HTTP would be no help; the store's own
//! lock keeps them and a running server apart.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use serde_json::{Value, json};
use store::{BlobReport, FileBody, FileSink, Name, Report, Sink, Verdict};

use super::bars::Bars;
use super::print_json;
use crate::args::{Format, LoadArchiveArgs, SaveArgs, VerifyArgs};
use crate::client::{self, Progress};
use crate::failure::Failure;
use crate::serve::library::{self, NativeStore};
use crate::term;

/// The store of this machine.
fn open() -> Result<NativeStore, Failure> {
    let library = library::of_machine();
    Ok(library.map_err(|error| Failure::Usage(error.to_string()))?.store().clone())
}

fn shown(progress: store::Progress) -> Progress {
    let digest = progress.digest.map(|digest| digest.to_string());
    let store::Progress { status, total, completed, .. } = progress;
    Progress { status, digest, total, completed, retry: None }
}

/// Standard output as the target of an archive.
struct Stdout;

impl Sink for Stdout {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        io::stdout().lock().write_all(bytes).map_err(|error| error.to_string())
    }
}

/// `ingle save`.
pub fn save(args: &SaveArgs) -> Result<(), Failure> {
    let name: Name = args.model.parse()?;
    let place = args.output.as_deref().filter(|path| *path != Path::new("-"));
    if args.output.is_none() && io::stdout().is_terminal() {
        let said = "an archive is no text for a terminal: name a file with -o FILE";
        return Err(Failure::Usage(said.to_owned()));
    }
    client::block_on(async {
        let (store, mut bars) = (open()?, Bars::new());
        let mut show = |progress| bars.update(&shown(progress));
        match place {
            Some(place) => {
                let mut sink = FileSink::create(place)?;
                store.save(&name, &mut sink, &mut show).await?;
                sink.finish()?;
            }
            None => store.save(&name, &mut Stdout, &mut show).await?,
        }
        bars.step(&format!("saved '{name}'"));
        Ok(())
    })
}

/// `ingle load`.
pub fn load(args: &LoadArchiveArgs) -> Result<(), Failure> {
    let name = args.name.as_deref().map(str::parse::<Name>).transpose()?;
    client::block_on(async {
        let (store, mut bars) = (open()?, Bars::new());
        let show = |progress| bars.update(&shown(progress));
        let committed = match args.file == Path::new("-") {
            true => store.load(FileBody::new(io::stdin().lock()), name.as_ref(), show).await?,
            false => {
                let file = File::open(&args.file).map_err(|error| Failure::File {
                    path: args.file.clone(),
                    reason: error.to_string(),
                })?;
                store.load(FileBody::new(file), name.as_ref(), show).await?
            }
        };
        drop(bars);
        if let Some(old) = &committed.replaced {
            store.remove_replaced(old).await?;
        }
        term::line(&format!("loaded '{}'", committed.name))
    })
}

/// `ingle verify`.
pub fn verify(args: &VerifyArgs) -> Result<(), Failure> {
    let name = args.model.as_deref().map(str::parse::<Name>).transpose()?;
    let report = client::block_on(async {
        let (store, mut bars) = (open()?, Bars::new());
        Ok(store.verify(name.as_ref(), |progress| bars.update(&shown(progress))).await?)
    })?;
    match args.format {
        Format::Json => print_json(&as_json(&report))?,
        Format::Text => print_report(&report)?,
    }
    if report.is_good() {
        return Ok(());
    }
    let said = "some models are damaged; pull or load them again, or remove them with 'ingle rm'";
    Err(Failure::Damaged(said.to_owned()))
}

fn print_report(report: &Report) -> Result<(), Failure> {
    for blob in report.blobs.iter().filter(|blob| blob.verdict != Verdict::Good) {
        let line = format!("{} {}: {}", blob.digest, models(blob).join(", "), words(blob));
        term::line(&term::clean(&line))?;
    }
    for manifest in &report.damaged {
        term::line(&term::clean(&format!("{}: {}", manifest.path, manifest.reason)))?;
    }
    let good: Vec<_> = report.blobs.iter().filter(|blob| blob.verdict == Verdict::Good).collect();
    let bytes = good.iter().map(|blob| blob.size).sum();
    let (good, all) = (good.len(), report.blobs.len());
    term::line(&format!("{good} of {all} blobs are good, {}", store::human_bytes(bytes)))
}

fn models(blob: &BlobReport) -> Vec<String> {
    blob.models.iter().map(Name::to_string).collect()
}

fn words(blob: &BlobReport) -> String {
    match &blob.verdict {
        Verdict::Good => "good".to_owned(),
        Verdict::Missing => "missing".to_owned(),
        Verdict::Length { have } => format!("{have} bytes instead of {}", blob.size),
        Verdict::Changed { got } => format!("changed, its bytes are those of {got}"),
        Verdict::Unreadable(reason) => format!("unreadable, {reason}"),
    }
}

fn as_json(report: &Report) -> Value {
    let blob = |blob: &BlobReport| {
        json!({
            "digest": blob.digest.to_string(),
            "size": blob.size,
            "good": blob.verdict == Verdict::Good,
            "verdict": words(blob),
            "models": models(blob),
        })
    };
    let damaged =
        |skipped: &store::Skipped| json!({"path": skipped.path, "reason": skipped.reason});
    json!({
        "good": report.is_good(),
        "blobs": report.blobs.iter().map(blob).collect::<Vec<_>>(),
        "damaged": report.damaged.iter().map(damaged).collect::<Vec<_>>(),
    })
}
