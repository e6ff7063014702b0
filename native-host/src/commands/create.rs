//! `ingle create`: a model from a Modelfile.
//!
//! The Modelfile is read here, because its paths are those of this machine; files go to the server
//! as blobs, unless it has them. What the server gets are names and digests, never a path.

use std::io::Read;
use std::path::{Path, PathBuf};

use chat::modelfile::{self, Modelfile};
use serde_json::{Map, Value, json};

use super::bars::Bars;
use super::transfer;
use crate::args::CreateArgs;
use crate::client::{self, Client, Progress};
use crate::failure::Failure;
use crate::import::{self, Named};
use crate::interrupt;

/// Reads the Modelfile, sends what it names, and follows the making.
pub fn run(args: &CreateArgs) -> Result<(), Failure> {
    interrupt::listen();
    let modelfile = Modelfile::read(&read(&args.file)?)
        .map_err(|error| file_failure(&args.file, error.to_string()))?;
    if modelfile.last("DRAFT").is_some() {
        let said = "it names a draft model (DRAFT), which is not supported: leave that line out, \
                    the answers are the same without";
        return Err(file_failure(&args.file, said.to_owned()));
    }
    let base = args.file.parent().unwrap_or(Path::new(""));
    let mut request =
        texts(args, &modelfile).map_err(|error| file_failure(&args.file, error.to_string()))?;
    client::block_on(async {
        let client = client::connect().await?;
        let mut bars = Bars::new();
        for (command, field) in [("FROM", "files"), ("ADAPTER", "adapters")] {
            let mut blobs = Map::new();
            for value in modelfile.values(command) {
                match source(base, value)? {
                    Source::Name(name) if command == "FROM" => {
                        request.insert("from".into(), name.into());
                    }
                    Source::Name(name) => {
                        let said = "there is neither a .gguf file nor a folder with a LoRA here";
                        let said = said.to_owned();
                        return Err(file_failure(Path::new(&name), said));
                    }
                    Source::Files(files) => upload(&client, &files, &mut blobs, &mut bars).await?,
                }
            }
            if !blobs.is_empty() {
                request.insert(field.into(), blobs.into());
            }
        }
        transfer::follow(&client, "/api/create", &request.into(), &mut bars).await
    })
}

/// The Modelfile's bytes, at most as many as are read of one.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let limit = modelfile::MAX_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    let done = match path.to_str() {
        Some("-") => std::io::stdin().lock().take(limit).read_to_end(&mut bytes),
        _ => std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)),
    };
    done.map_err(|error| file_failure(path, format!("{error}; -f names the Modelfile")))?;
    Ok(bytes)
}

/// The request as far as it is text.
fn texts(args: &CreateArgs, file: &Modelfile) -> Result<Map<String, Value>, modelfile::Error> {
    let mut request = Map::new();
    request.insert("model".into(), args.model.clone().into());
    if let Some(quantize) = &args.quantize {
        request.insert("quantize".into(), quantize.clone().into());
    }
    let single = [
        ("TEMPLATE", "template"),
        ("SYSTEM", "system"),
        ("RENDERER", "renderer"),
        ("PARSER", "parser"),
        ("REQUIRES", "requires"),
    ];
    for (command, field) in single {
        if let Some(value) = file.last(command) {
            request.insert(field.into(), value.into());
        }
    }
    let licenses: Vec<&str> = file.values("LICENSE").collect();
    let message =
        |(role, text): (modelfile::Role, &str)| json!({"role": role.name(), "content": text});
    let messages: Vec<Value> = file.messages().map(message).collect();
    let parameters = file.parameters()?;
    if !licenses.is_empty() {
        request.insert("license".into(), json!(licenses));
    }
    if !messages.is_empty() {
        request.insert("messages".into(), messages.into());
    }
    if !parameters.is_empty() {
        request.insert("parameters".into(), parameters.into());
    }
    Ok(request)
}

/// What a value of FROM or ADAPTER means.
enum Source {
    Name(String),
    Files(Vec<Named>),
}

/// What lies there is a file or a folder, what looks like a path must lie there, the rest is a
/// name.
fn source(base: &Path, value: &str) -> Result<Source, Failure> {
    let path = match value.strip_prefix("~/") {
        Some(rest) => home().join(rest),
        None => base.join(value),
    };
    if import::is_other_form(&path) {
        return Ok(Source::Files(import::files(&path)?));
    }
    if path.is_dir() {
        return Ok(Source::Files(named(folder(&path)?)));
    }
    if path.is_file() {
        return Ok(Source::Files(named(vec![path])));
    }
    match super::target::stored_name(Path::new(value)) {
        Some(name) => Ok(Source::Name(name.to_owned())),
        None => Err(file_failure(&path, "there is no such file".to_owned())),
    }
}

/// Files by their own names.
fn named(files: Vec<PathBuf>) -> Vec<Named> {
    let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    files.into_iter().map(|path| (name(&path), path)).collect()
}

fn home() -> PathBuf {
    std::env::home_dir().unwrap_or_default()
}

/// The GGUF files of a folder, by name.
fn folder(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = std::fs::read_dir(path).map_err(|error| file_failure(path, error.to_string()))?;
    let is_gguf =
        |path: &PathBuf| path.extension().is_some_and(|end| end.eq_ignore_ascii_case("gguf"));
    let mut files: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(is_gguf).collect();
    files.sort();
    match files.is_empty() {
        true => Err(file_failure(
            path,
            "the folder has no model: neither .gguf files, nor a config.json with weights beside it"
                .to_owned(),
        )),
        false => Ok(files),
    }
}

async fn upload(
    client: &Client,
    files: &[Named],
    blobs: &mut Map<String, Value>,
    bars: &mut Bars,
) -> Result<(), Failure> {
    for (name, path) in files {
        let show = |doing: &str, completed, total| {
            let status = format!("{doing} {name}");
            let (total, completed) = (Some(total), Some(completed));
            bars.update(&Progress { status, total, completed, ..Progress::default() });
        };
        let digest = client.upload(path, show).await?;
        blobs.insert(name.clone(), digest.into());
    }
    Ok(())
}

fn file_failure(path: &Path, reason: String) -> Failure {
    Failure::File { path: path.to_owned(), reason }
}
