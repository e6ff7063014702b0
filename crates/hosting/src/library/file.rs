//! A model that is no store's: open files, under the name of the first. A page can load such a
//! file where it lies, and its router then knows it like any other.

use api::host::{Model, ModelDetails};
use api::types::Timestamp;
use gguf::Gguf;

use super::describe::{capabilities, own_details};
use super::details::modelfile;
use super::header::{self, Facts};

/// What the router can be told of it.
#[derive(Clone, Debug)]
pub struct FileModel {
    /// As it is listed and loaded.
    pub model: Model,
    /// As it is shown; arrays of the metadata are left out in any case.
    pub details: ModelDetails,
}

impl FileModel {
    /// Of the header of open files with `size` bytes in all. `keys` stand for their digests.
    pub fn of(
        name: &str,
        keys: &[String],
        size: u64,
        modified_at: Timestamp,
        gguf: &Gguf,
    ) -> FileModel {
        let facts = Facts::of(gguf);
        let model = Model {
            name: name.to_owned(),
            size,
            modified_at,
            details: own_details(&facts),
            capabilities: capabilities(None, Some(&facts)),
            context_length: facts.context_length,
            embedding_length: facts.embedding_length,
            files: keys.to_vec(),
            ..Model::default()
        };
        let details = ModelDetails {
            modelfile: modelfile(&model, &[], &[]),
            template: facts.template.unwrap_or_default(),
            model_info: header::info(gguf, false),
            ..ModelDetails::default()
        };
        FileModel { model, details }
    }

    /// Whether a client means this model: by its name, also without the ending of files, and with
    /// or without the tag that stands for none.
    pub fn is_called(&self, name: &str) -> bool {
        let plain = |name: &str| {
            let name = name.to_ascii_lowercase();
            let name = name.strip_suffix(":latest").unwrap_or(&name);
            name.strip_suffix(".gguf").unwrap_or(name).to_owned()
        };
        plain(name) == plain(&self.model.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_and_without_their_ending() {
        let metadata = gguf::Metadata::new();
        let bytes = gguf::Writer::new(metadata).start(Vec::new()).and_then(|data| data.finish());
        let Ok(file) = bytes.map_err(drop).and_then(|bytes| Gguf::open(Box::new(bytes)).map_err(drop))
        else {
            panic!("an empty file is a file");
        };
        let model = FileModel::of("Tiny-1.gguf", &[], 1, Timestamp::default(), &file);
        for (name, is_it) in [
            ("Tiny-1.gguf", true),
            ("tiny-1", true),
            ("tiny-1:latest", true),
            ("Tiny-1.gguf:latest", true),
            ("tiny-1:1b", false),
            ("tiny", false),
        ] {
            assert_eq!(model.is_called(name), is_it, "{name}");
        }
    }
}
