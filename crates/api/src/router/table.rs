//! Which paths there are.

use crate::error::Family;
use crate::http::{Method, segments};

/// What a path and a method ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Root,
    Version,
    Live,
    Ready,
    Metrics,
    Generate,
    Chat,
    Embed,
    Embeddings,
    Create,
    HeadBlob,
    PostBlob,
    Pull,
    Push,
    Tags,
    Show,
    Copy,
    Delete,
    Ps,
    ChatCompletions,
    Completions,
    OpenAiEmbeddings,
    OpenAiModels,
    OpenAiModel,
    Responses,
    Messages,
}

use Endpoint as E;
use Method::{Delete, Get, Head, Post};

/// Methods, path, endpoint. A path that ends with `/*` has one parameter: the rest, slashes
/// included, since names of models have them.
const ROUTES: [(&[Method], &str, Endpoint); 27] = [
    (&[Get, Head], "/", E::Root),
    (&[Get, Head], "/api/version", E::Version),
    (&[Get, Head], "/livez", E::Live),
    (&[Get, Head], "/readyz", E::Ready),
    (&[Get, Head], "/healthz", E::Ready),
    (&[Get], "/metrics", E::Metrics),
    (&[Post], "/api/generate", E::Generate),
    (&[Post], "/api/chat", E::Chat),
    (&[Post], "/api/embed", E::Embed),
    (&[Post], "/api/embeddings", E::Embeddings),
    (&[Post], "/api/create", E::Create),
    (&[Head], "/api/blobs/*", E::HeadBlob),
    (&[Post], "/api/blobs/*", E::PostBlob),
    (&[Post], "/api/pull", E::Pull),
    (&[Post], "/api/push", E::Push),
    (&[Get, Head], "/api/tags", E::Tags),
    (&[Post], "/api/show", E::Show),
    (&[Post], "/api/copy", E::Copy),
    (&[Delete], "/api/delete", E::Delete),
    (&[Get], "/api/ps", E::Ps),
    (&[Post], "/v1/chat/completions", E::ChatCompletions),
    (&[Post], "/v1/completions", E::Completions),
    (&[Post], "/v1/embeddings", E::OpenAiEmbeddings),
    (&[Get], "/v1/models", E::OpenAiModels),
    (&[Get], "/v1/models/*", E::OpenAiModel),
    (&[Post], "/v1/responses", E::Responses),
    (&[Post], "/v1/messages", E::Messages),
];

/// What is at a path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A handler, and the parameter of its path.
    Endpoint(Endpoint, Option<String>),
    /// Something else for other methods: these.
    OtherMethods(String),
    /// The same without the slash at the end.
    Redirect(String),
    /// Nothing.
    Nothing,
}

/// The handler of a decoded path.
pub(crate) fn find(method: Method, path: &str) -> Found {
    let mut allowed: Vec<&str> = Vec::new();
    for (methods, pattern, endpoint) in ROUTES {
        let Some(parameter) = matches(pattern, path) else { continue };
        if methods.contains(&method) {
            return Found::Endpoint(endpoint, parameter);
        }
        allowed.extend(methods.iter().map(|method| method.name()));
    }
    if !allowed.is_empty() {
        return Found::OtherMethods(allowed.join(", "));
    }
    let shorter = path.strip_suffix('/').filter(|path| path.len() > 1);
    let exists = |path: &&str| ROUTES.iter().any(|(_, pattern, _)| *pattern == *path);
    match shorter.filter(exists) {
        Some(path) => Found::Redirect(path.to_owned()),
        None => Found::Nothing,
    }
}

/// Whether a path has a pattern's form, and its parameter.
fn matches(pattern: &str, path: &str) -> Option<Option<String>> {
    match pattern.strip_suffix('*') {
        None => (pattern == path).then_some(None),
        Some(prefix) => {
            let rest = path.strip_prefix(prefix).filter(|rest| !rest.is_empty())?;
            Some(Some(rest.to_owned()))
        }
    }
}

/// Whose errors a path has, known or not.
pub(crate) fn family_of(path: &str) -> Family {
    let mut segments = segments(path);
    match (segments.next(), segments.next()) {
        (Some("v1"), Some("messages")) => Family::Anthropic,
        (Some("v1"), _) => Family::OpenAi,
        _ => Family::Ollama,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_methods() {
        let other = |allowed: &str| Found::OtherMethods(allowed.into());
        let cases = [
            (Get, "/", Found::Endpoint(E::Root, None)),
            (Head, "/", Found::Endpoint(E::Root, None)),
            (Post, "/", other("GET, HEAD")),
            (Get, "/api/generate", other("POST")),
            (Get, "/api/blobs/x", other("HEAD, POST")),
            (Head, "/api/blobs/x", Found::Endpoint(E::HeadBlob, Some("x".into()))),
            (Get, "/api/blobs/", Found::Nothing),
            (Get, "/api/tags/", Found::Redirect("/api/tags".into())),
            (Get, "/v1/models", Found::Endpoint(E::OpenAiModels, None)),
            (Get, "/v1/models/a/b:c", Found::Endpoint(E::OpenAiModel, Some("a/b:c".into()))),
            (Get, "/api", Found::Nothing),
            (Get, "/API/tags", Found::Nothing),
            (Get, "//api/tags", Found::Nothing),
            (Get, "//", Found::Nothing),
        ];
        for (method, path, want) in cases {
            assert_eq!(find(method, path), want, "{method:?} {path}");
        }
    }
}
