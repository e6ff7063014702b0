//! Files that earlier versions kept, one folder of plain model files: each becomes a model.
//!
//! A file is hashed where it lies, moved to its place among the blobs, and named; nothing is
//! copied. Unfinished files of that time are removed. What is no model any more, or lacks a part,
//! is removed too: it could not be loaded then either.

use std::collections::BTreeMap;

use gguf::SplitName;
use store::{Digest, Name, StorePath};
use wasm_bindgen::prelude::*;
use web_sys::{File, FileSystemDirectoryHandle, FileSystemHandle};

use super::PageStore;
use super::chosen::ChosenFile;
use super::io::Place;
use super::names::name_of_file;
use super::opfs::{self, OpfsIo};
use crate::error::EdgeError;

const FOLDER: &str = "ingle-models";
const PART: &str = ".part";

/// Takes over what is there; the names of the models it became.
pub async fn adopt(store: &PageStore) -> Result<Vec<String>, EdgeError> {
    let Place::Opfs(io) = &store.io().place else { return Ok(Vec::new()) };
    let Ok(top) = opfs::top().await else { return Ok(Vec::new()) };
    let Ok(folder) = opfs::folder_in(&top, FOLDER, false).await else { return Ok(Vec::new()) };
    let mut models: BTreeMap<Name, Vec<std::rc::Rc<FileSystemHandle>>> = BTreeMap::new();
    for entry in opfs::entries(&folder).await.map_err(failed)? {
        if !entry.name().ends_with(PART) {
            models.entry(name_of_file(&entry.name())?).or_default().push(entry);
        }
    }
    let mut adopted = Vec::new();
    for (name, mut files) in models {
        files.sort_by_key(|file| file.name());
        let first = files.first().map(|file| file.name()).unwrap_or_default();
        let count = SplitName::parse(&first).map_or(1, |split| split.count as usize);
        if files.len() == count && take(store, io, &name, &files).await.is_ok() {
            adopted.push(name.to_string());
        }
    }
    opfs::remove_all(&top, FOLDER).await.map_err(failed)?;
    Ok(adopted)
}

fn failed(error: JsValue) -> EdgeError {
    EdgeError::new("store.failed", super::scope::words_of(&error))
}

async fn take(
    store: &PageStore,
    io: &OpfsIo,
    name: &Name,
    files: &[std::rc::Rc<FileSystemHandle>],
) -> Result<(), EdgeError> {
    let blobs: FileSystemDirectoryHandle =
        io.folder(Some(&StorePath::blobs()), true).await.map_err(failed)?;
    let mut taken: Vec<(Digest, u64)> = Vec::new();
    for handle in files {
        let file: File = opfs::file_of(handle).await.map_err(failed)?;
        let (digest, len) = store.digest_of(&ChosenFile::new(&file)).await?;
        let place = StorePath::blob(&digest);
        opfs::move_into(handle, &blobs, place.file_name()).await.map_err(failed)?;
        taken.push((digest, len));
    }
    store.import_blobs(name, &taken).await?;
    Ok(())
}
