//! As whom this machine asks a registry.

use std::path::PathBuf;
use std::rc::Rc;

use api::types::ollama::TransferRequest;
use hosting::library::{file_address, is_at_hugging_face};
use store::{Credentials, Name, RegistryAccess};

use super::key::MachineKey;
use super::place;

/// How the request wants the registry to be reached.
pub fn access(request: &TransferRequest) -> RegistryAccess {
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
