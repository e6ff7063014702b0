//! `pull` and `push`: which address is meant, and who asks.

use std::path::PathBuf;
use std::rc::Rc;

use api::host::LibraryError;
use api::types::ollama::TransferRequest;
use store::{Credentials, Error, Name, RegistryAccess, Wish, file_address};

use super::errors::{invalid, library_error, parse_name};
use super::key::MachineKey;
use super::report::Reporter;
use super::{NativeLibrary, place};

impl NativeLibrary {
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
                let pulled = self.client.pull_url(&url, &Wish::default(), access(request), report).await;
                pulled.map(drop).map_err(|error| match error {
                    // No rule for names was broken, but one for addresses; it is said which.
                    Error::Name { .. } => invalid(error.to_string()),
                    error => library_error(error),
                })
            }
            None => {
                let name = parse_name(model)?;
                let pulled = self.client.pull(&name, access(request), report).await;
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
        let pushed = self.client.push(&name, access(request), |line| say.store(line)).await;
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

/// How the request wants the registry to be reached.
pub(super) fn access(request: &TransferRequest) -> RegistryAccess {
    let credentials = credentials(request, std::env::var(HF_TOKEN).ok(), place::key_file());
    RegistryAccess { insecure: request.insecure, allow_private: false, credentials }
}

/// Hugging Face's own variable for a person's token, which opens gated and private repositories.
const HF_TOKEN: &str = "HF_TOKEN";

/// What the request says, else this machine's token where it asks Hugging Face over TLS, and its
/// key where it asks Ollama's registry. Nobody else hears of either: a public key tells who asks.
fn credentials(
    request: &TransferRequest,
    token: Option<String>,
    key: Option<PathBuf>,
) -> Credentials {
    let (user, password) = (request.username.clone(), request.password.clone());
    if !(user.is_empty() && password.is_empty()) {
        return Credentials::Basic { user, password };
    }
    let text = request.model.name();
    let is_hugging_face = match file_address(text) {
        Some(url) => is_at_hugging_face(&url),
        None => text.parse::<Name>().is_ok_and(|name| name.is_hugging_face()),
    };
    let is_ollama = text.parse::<Name>().is_ok_and(|name| name.host() == store::DEFAULT_HOST);
    match (token.filter(|token| !token.is_empty()), key) {
        _ if request.insecure => Credentials::None,
        (Some(token), _) if is_hugging_face => Credentials::Token(token),
        (_, Some(key)) if is_ollama => Credentials::Key(Rc::new(MachineKey::new(key))),
        _ => Credentials::None,
    }
}

fn is_at_hugging_face(url: &str) -> bool {
    let hosts = ["https://huggingface.co/", "https://hf.co/"];
    hosts.iter().any(|host| url.starts_with(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_to_hugging_face_and_a_key_to_ollama_only() {
        for (model, insecure, user, want) in [
            ("hf.co/a/b", false, "", "Token"),
            ("huggingface.co/a/b:Q8_0", false, "", "Token"),
            ("https://hf.co/a/b/resolve/main/c.gguf", false, "", "Token"),
            ("hf.co/a/b", true, "", "None"),
            ("hf.co/a/b", false, "me", "Basic"),
            ("hf.co.example/a/b", false, "", "None"),
            ("https://hf.co.example/a/b/c.gguf", false, "", "None"),
            ("llama3", false, "", "Key"),
            ("me/llama3", false, "", "Key"),
            ("llama3", true, "", "None"),
            ("r.example/me/llama3", false, "", "None"),
        ] {
            let mut request = TransferRequest { insecure, ..TransferRequest::default() };
            (request.model.model, request.username) = (model.into(), user.into());
            let got = credentials(&request, Some("secret".into()), Some("/k".into()));
            assert_eq!(format!("{got:?}"), want, "{model}");
        }
        let request = TransferRequest::default();
        assert_eq!(format!("{:?}", credentials(&request, Some(String::new()), None)), "None");
    }
}
