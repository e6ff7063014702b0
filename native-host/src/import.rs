//! Models in other forms than GGUF, from folders of this machine.
//!
//! A folder is listed, never walked: what is read of it has names that are known. The result is a
//! GGUF file that is nowhere, so every command that takes a file takes a folder too.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use convert::{Adapter, File, GgufView, Merged, Precision};
use gguf::{ByteSource, Gguf, Metadata};
use quantize::{GgufSource, Source};

use crate::failure::Failure;
use crate::source;

/// The one folder below a model's that has something to say.
const POOLING: &str = "1_Pooling/config.json";
/// Files of a folder that are looked at: models in many parts have some hundred.
const MAX_ENTRIES: usize = 10_000;

/// A file of a model: its name in the model's folder, and where it lies.
pub type Named = (String, PathBuf);

/// Whether `path` is a model in another form: a folder with a configuration, or a file of weights.
pub fn is_other_form(path: &Path) -> bool {
    is_folder(path) || (is_weights(path) && path.is_file())
}

/// Whether `path` is a folder of a model.
pub fn is_folder(path: &Path) -> bool {
    path.is_dir()
        && (path.join("config.json").is_file() || path.join("adapter_config.json").is_file())
}

fn is_weights(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| convert::is_part_of_model(name) && !is_text(name))
}

/// What may lie in a model's folder beside weights.
fn is_text(name: &str) -> bool {
    [".json", ".jinja", ".txt", ".model"].iter().any(|end| name.ends_with(end))
}

/// The files of the model (or the adapter) that `path` names, by name. A file of weights brings
/// what lies beside it and says what it means.
pub fn files(path: &Path) -> Result<Vec<Named>, Failure> {
    let (folder, only) = match path.is_dir() {
        true => (path, None),
        false => (path.parent().unwrap_or(Path::new("")), path.file_name()),
    };
    let folder = if folder == Path::new("") { Path::new(".") } else { folder };
    let failed = |reason: String| Failure::File { path: folder.to_owned(), reason };
    let entries = std::fs::read_dir(folder).map_err(|error| failed(error.to_string()))?;
    let mut out = Vec::new();
    for entry in entries.flatten().take(MAX_ENTRIES) {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let is_chosen = only.is_none_or(|only| is_text(&name) || *only == *name);
        let path = entry.path();
        if convert::is_part_of_model(&name) && is_chosen && path.is_file() {
            out.push((name, path));
        }
    }
    let pooling = folder.join(POOLING);
    if pooling.is_file() {
        out.push((POOLING.to_owned(), pooling));
    }
    out.sort();
    Ok(out)
}

/// Opens a model in another form.
pub fn open(path: &Path) -> Result<Gguf, Failure> {
    let failed = |reason: String| Failure::File { path: path.to_owned(), reason };
    let name = std::path::absolute(path).unwrap_or_default();
    let name = name.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let files = open_files(files(path)?)?;
    let source = convert::open(&name, files).map_err(|error| failed(error.to_string()))?;
    let view = GgufView::new(source).map_err(|error| failed(error.to_string()))?;
    Gguf::open(Box::new(view)).map_err(|error| failed(error.to_string()))
}

/// Opens the files of a model in another form, for their reader.
pub fn open_files(files: Vec<Named>) -> Result<Vec<File>, Failure> {
    let open = |(name, path): Named| {
        let bytes = source::open_regular(&path);
        let bytes = bytes.map_err(|reason| Failure::File { path, reason })?;
        Ok(File { name, bytes: Box::new(bytes) as Box<dyn ByteSource> })
    };
    files.into_iter().map(open).collect()
}

/// Opens an adapter for a model with these metadata: a folder, or a GGUF file.
pub fn open_adapter(path: &Path, base: &Metadata) -> Result<Adapter, Failure> {
    let failed =
        |error: convert::Error| Failure::File { path: path.to_owned(), reason: error.to_string() };
    if is_other_form(path) {
        return Adapter::of_folder(open_files(files(path)?)?, base).map_err(failed);
    }
    Adapter::of_gguf(&source::open(path)?).map_err(failed)
}

/// A model with adapters in it, for what rounds it afterwards.
pub fn merge(gguf: Gguf, adapters: &[(PathBuf, f32)]) -> Result<Box<dyn Source>, Failure> {
    let base = Box::new(GgufSource::new(gguf));
    if adapters.is_empty() {
        return Ok(base);
    }
    let open = |(path, scale): &(PathBuf, f32)| {
        Ok((Arc::new(open_adapter(path, base.metadata())?), *scale))
    };
    let opened = adapters.iter().map(open).collect::<Result<Vec<_>, Failure>>()?;
    let merged = Merged::new(base, opened, Precision::Full);
    let merged = merged.map_err(|error| Failure::Usage(error.to_string()))?;
    Ok(Box::new(merged))
}

/// A model with adapters in it, for a player: what they change becomes a float type, the rest
/// stays as it is.
pub fn with_adapters(gguf: Gguf, adapters: &[PathBuf]) -> Result<Gguf, Failure> {
    if adapters.is_empty() {
        return Ok(gguf);
    }
    let failed = |error: String| Failure::Usage(format!("the adapter cannot be used: {error}"));
    let base = Box::new(GgufSource::new(gguf));
    let open = |path: &PathBuf| Ok((Arc::new(open_adapter(path, base.metadata())?), 1.0));
    let opened = adapters.iter().map(open).collect::<Result<Vec<_>, Failure>>()?;
    let merged = Merged::new(base, opened, Precision::OfBase);
    let merged = merged.map_err(|error| failed(error.to_string()))?;
    let view = GgufView::new(Box::new(merged)).map_err(|error| failed(error.to_string()))?;
    Ok(Gguf::open(Box::new(view))?)
}
