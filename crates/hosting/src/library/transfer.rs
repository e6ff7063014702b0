//! `pull` and `push`: which address is meant.

use api::host::LibraryError;
use api::types::ollama::TransferRequest;
use store::{BlobIo, Clock, Error, Fetch, Name, Wish};

use super::StoreLibrary;
use super::errors::{invalid, library_error, parse_name};
use super::report::Reporter;

impl<I: BlobIo, F: Fetch, C: Clock> StoreLibrary<I, F, C> {
    /// Fetches a model by its name, or a GGUF file by its address.
    pub(super) async fn pull_model(
        &self,
        request: &TransferRequest,
        say: &Reporter,
    ) -> Result<(), LibraryError> {
        let model = request.model.name();
        check_scheme(request)?;
        let report = |line| say.store(line);
        match file_address(model) {
            Some(url) => {
                let any = Wish::default();
                let pulled = self.client.pull_url(&url, &any, (self.access)(request), report).await;
                pulled.map(drop).map_err(|error| match error {
                    // No rule for names was broken, but one for addresses; it is said which.
                    Error::Name { .. } => invalid(error.to_string()),
                    error => library_error(error),
                })
            }
            None => {
                let name = parse_name(model)?;
                if self.unpack(&name, say).await? {
                    return Ok(());
                }
                let pulled = self.client.pull(&name, (self.access)(request), report).await;
                pulled.map(drop).map_err(library_error)
            }
        }
    }

    /// Sends a model to the registry its name says.
    pub(super) async fn push_model(
        &self,
        request: &TransferRequest,
        say: &Reporter,
    ) -> Result<(), LibraryError> {
        check_scheme(request)?;
        let name = parse_name(request.model.name())?;
        let pushed = self.client.push(&name, (self.access)(request), |line| say.store(line)).await;
        pushed.map_err(library_error)
    }
}

/// Without encryption only where it was allowed. The first words are Ollama's.
fn check_scheme(request: &TransferRequest) -> Result<(), LibraryError> {
    if request.model.name().starts_with("http://") && !request.insecure {
        return Err(invalid("insecure protocol http: use https, or allow it with --insecure"));
    }
    Ok(())
}

/// Whether an address is one of Hugging Face, over TLS.
pub fn is_at_hugging_face(url: &str) -> bool {
    let hosts = ["https://huggingface.co/", "https://hf.co/"];
    hosts.iter().any(|host| url.starts_with(host))
}

/// The address of a single file, if it is one and not a model's name, which may have a scheme too.
pub fn file_address(text: &str) -> Option<String> {
    let rest = ["https://", "http://"].iter().find_map(|scheme| text.strip_prefix(scheme))?;
    let path = rest.split(['?', '#']).next().unwrap_or(rest);
    let is_file = path.ends_with(".gguf") || text.parse::<Name>().is_err();
    is_file.then(|| match is_at_hugging_face(text) {
        // The page about a file stands beside the file.
        true => text.replacen("/blob/", "/resolve/", 1),
        false => text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_of_files() {
        for (text, want) in [
            ("llama3", None),
            ("hf.co/a/b:Q4_K_M", None),
            ("https://hf.co/a/b", None),
            ("http://localhost:5000/a/b:c", None),
            ("model.gguf", None),
            ("https://x.example/a/b.gguf", Some("https://x.example/a/b.gguf")),
            ("https://x.example/b.gguf?s=1", Some("https://x.example/b.gguf?s=1")),
            ("https://x.example/a/b/c/download", Some("https://x.example/a/b/c/download")),
            (
                "https://huggingface.co/a/b/blob/main/c.gguf",
                Some("https://huggingface.co/a/b/resolve/main/c.gguf"),
            ),
        ] {
            assert_eq!(file_address(text).as_deref(), want, "{text}");
        }
    }
}
