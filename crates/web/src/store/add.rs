//! Models from files a person chose.
//!
//! The header is read where the file lies, before a byte is copied. Then the bytes go to the store
//! once; where the store itself is made of blobs in memory, not even that: the file is one.

use gguf::{ByteSource, Gguf};
use js_sys::Array;
use store::{Name, Source};
use wasm_bindgen::prelude::*;
use web_sys::File;

use super::PageStore;
use super::chosen::ChosenFile;
use super::names::name_of_file;
use super::progress::{Teller, Watched};
use super::scope::io_error;
use crate::error::EdgeError;

/// File pickers give several files in any order; parts of a model are numbered by name.
pub fn in_order(files: &Array) -> Vec<File> {
    let mut files: Vec<File> = files.iter().map(JsCast::unchecked_into).collect();
    files.sort_by_key(File::name);
    files
}

/// Stores the files as a model, unless they are its files already; returns its name.
pub async fn add(
    store: &PageStore,
    files: Vec<File>,
    name: Option<Name>,
    teller: &Teller,
) -> Result<Name, EdgeError> {
    let first = files.first().map(File::name).unwrap_or_default();
    let name = match name {
        Some(name) => name,
        None => name_of_file(&first)?,
    };
    let headers = files.iter().map(|file| Box::new(ChosenFile::new(file)) as Box<dyn ByteSource>);
    check(&files, headers.collect())?;
    let sources: Vec<(Source, u64)> = files.iter().map(source_of).collect();
    if store.comes_from(&name, &sources).await? {
        return Ok(name);
    }
    let need = sources.iter().map(|(_, size)| size).sum();
    store.check_space(need).await?;
    let mut blobs = Vec::new();
    for file in &files {
        let (label, size) = (file.name(), Some(file.size() as u64));
        let place = |path: &store::StorePath| {
            store.io().place(path, file).map_err(|error| io_error("keep", path, &error))
        };
        let placed = store.put_placed(place, |done| teller.part(&label, done, size)).await?;
        blobs.push(match placed {
            Some(placed) => placed,
            None => {
                let source = ChosenFile::new(file);
                store.put_source(&Watched { source, name: file.name(), teller }).await?
            }
        });
    }
    let sources: Vec<Source> = sources.into_iter().map(|(source, _)| source).collect();
    let committed = store.import_sourced(&name, &blobs, &sources).await?;
    if let Some(old) = &committed.replaced {
        store.remove_replaced(old).await?;
    }
    Ok(committed.name)
}

/// What is no model is refused, in the words of whoever finds out.
fn check(files: &[File], headers: Vec<Box<dyn ByteSource>>) -> Result<(), EdgeError> {
    for (file, header) in files.iter().zip(&headers) {
        let mut start = [0; 4];
        if header.len() > 4 {
            header.read_at(0, &mut start)?;
        }
        if start != gguf::MAGIC {
            let name = file.name();
            let text = match header.len() {
                0 => format!("{name} is empty; choose another file"),
                _ => format!(
                    "{name} is not a model file; ingle reads GGUF files; choose another file"
                ),
            };
            let detail = format!("{} bytes, beginning with {start:02x?}", header.len());
            return Err(EdgeError::new("file.type", text).with_detail(detail));
        }
    }
    let gguf = Gguf::open_split(headers).map_err(|error| match error {
        gguf::Error::Io { source, .. } => source.into(),
        error => EdgeError::from(error),
    })?;
    engine::open(gguf)?;
    Ok(())
}

fn source_of(file: &File) -> (Source, u64) {
    let version = format!("changed {}", file.last_modified());
    (Source { address: format!("file:{}", file.name()), version }, file.size() as u64)
}
