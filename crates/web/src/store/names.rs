//! The names of stored models: what a person typed, and what a file is called.

use gguf::SplitName;
use store::{DEFAULT_HOST, DEFAULT_NAMESPACE, DEFAULT_TAG, Name};

use super::PageStore;
use crate::error::EdgeError;

/// The name under which a model is stored. A file's name stands for the model made of it.
pub async fn find(store: &PageStore, text: &str) -> Result<Name, EdgeError> {
    let name: Name = text.parse()?;
    if store.resolve(&name).await?.is_some() {
        return Ok(name);
    }
    let of_file = name_of_file(text)?;
    match store.resolve(&of_file).await? {
        Some(found) if text.ends_with(".gguf") => Ok(found),
        _ => Err(store::Error::NotFound { name: name.to_string() }.into()),
    }
}

/// The name a model gets from its file's.
pub fn name_of_file(file: &str) -> Result<Name, EdgeError> {
    let stem = SplitName::parse(file).map_or_else(
        || file.strip_suffix(".gguf").unwrap_or(file).to_owned(),
        |split| split.prefix,
    );
    let allowed = |c: char| if c.is_ascii_alphanumeric() || "_-.".contains(c) { c } else { '-' };
    let stem: String = stem.chars().map(allowed).take(store::limits::PART_CHARS).collect();
    let stem = stem.trim_start_matches(['-', '.']);
    let stem = if stem.is_empty() { "model" } else { stem };
    Ok(Name::from_parts(DEFAULT_HOST, DEFAULT_NAMESPACE, stem, DEFAULT_TAG)?)
}
