//! A read-only registry over a store: what `serve --registry` answers below `/v2/`.
//!
//! Pure as far as it can be: a request becomes a [`Route`], a route with what the store has of it
//! becomes a [`Reply`], and a host sends the reply. Other machines of a network pull from it as
//! `host:port/namespace/model:tag`; a model of any host is found under its namespace, models of the
//! default host first, and `/v2/<host>/<namespace>/<model>/…` names the host.

mod range;

use std::ops::Range;

use crate::clock::Clock;
use crate::digest::Digest;
use crate::error::Error;
use crate::fetch::Headers;
use crate::io::BlobIo;
use crate::media;
use crate::name::{DEFAULT_HOST, Name};
use crate::store::{Model, Store};
pub use range::{Requested, requested_range};

/// What a path below `/v2/` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// `/v2/`: is this a registry?
    Version,
    /// `/v2/_catalog`: which repositories are here?
    Catalog,
    /// `/v2/<repository>/tags/list`.
    Tags(Repository),
    /// `/v2/<repository>/manifests/<tag or digest>`.
    Manifest(Repository, String),
    /// `/v2/<repository>/blobs/<digest>`.
    Blob(Digest),
}

/// A repository as it stands in a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// The host, where the path says one.
    pub host: Option<String>,
    /// `library`.
    pub namespace: String,
    /// `llama3`.
    pub model: String,
}

/// What a reply's body is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplyBody {
    /// Nothing (also for `HEAD`, whose `Content-Length` then speaks of what `GET` would send).
    Empty,
    /// These bytes.
    Bytes(Vec<u8>),
    /// These bytes of a blob, to be read from the store piece by piece.
    Blob(Digest, Range<u64>),
}

/// A reply, to be sent as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP's status.
    pub status: u16,
    /// Headers, `Content-Length` among them.
    pub headers: Headers,
    /// The body.
    pub body: ReplyBody,
}

impl Route {
    /// Reads a path (percent-decoded, without its query); `None` for one no registry has.
    pub fn parse(path: &str) -> Option<Route> {
        let rest =
            path.strip_prefix("/v2").filter(|rest| rest.is_empty() || rest.starts_with('/'))?;
        let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
        match parts.as_slice() {
            [] => Some(Route::Version),
            ["_catalog"] => Some(Route::Catalog),
            [repository @ .., "tags", "list"] => Some(Route::Tags(Repository::parse(repository)?)),
            [repository @ .., "manifests", reference] => {
                Some(Route::Manifest(Repository::parse(repository)?, (*reference).to_owned()))
            }
            [repository @ .., "blobs", digest] => {
                Repository::parse(repository)?;
                Some(Route::Blob(Digest::parse_wire(digest).ok()?))
            }
            _ => None,
        }
    }
}

impl Repository {
    fn parse(parts: &[&str]) -> Option<Repository> {
        let (host, namespace, model) = match parts {
            [namespace, model] => (None, *namespace, *model),
            [host, namespace, model] => (Some((*host).to_owned()), *namespace, *model),
            _ => return None,
        };
        // The rules of names are the rules of paths here too.
        let checked = host.as_deref().unwrap_or(DEFAULT_HOST);
        Name::from_parts(checked, namespace, model, "latest").ok()?;
        Some(Repository { host, namespace: namespace.to_owned(), model: model.to_owned() })
    }

    fn has(&self, name: &Name) -> bool {
        self.host.as_deref().is_none_or(|host| host.eq_ignore_ascii_case(name.host()))
            && self.namespace.eq_ignore_ascii_case(name.namespace())
            && self.model.eq_ignore_ascii_case(name.model())
    }
}

impl Reply {
    fn new(status: u16, body: ReplyBody, length: u64) -> Reply {
        let mut headers = Headers::default();
        headers.push("Docker-Distribution-Api-Version", "registry/2.0");
        headers.push("Content-Length", length.to_string());
        Reply { status, headers, body }
    }

    fn json(status: u16, value: &serde_json::Value) -> Reply {
        let bytes = value.to_string().into_bytes();
        let length = bytes.len() as u64;
        Reply::new(status, ReplyBody::Bytes(bytes), length).with("Content-Type", "application/json")
    }

    fn with(mut self, name: &str, value: impl Into<String>) -> Reply {
        self.headers.push(name, value);
        self
    }

    /// An error in the registry's form.
    pub fn error(status: u16, code: &str, message: &str) -> Reply {
        let error = serde_json::json!({"code": code, "message": message});
        Reply::json(status, &serde_json::json!({"errors": [error]}))
    }

    /// The same without a body, as `HEAD` wants it.
    fn without_body(self) -> Reply {
        Reply { body: ReplyBody::Empty, ..self }
    }
}

/// The reply for a blob of `len` bytes.
pub fn blob_reply(digest: Digest, len: u64, range: Option<&str>) -> Reply {
    let reply = match requested_range(range, len) {
        Requested::Whole => Reply::new(200, ReplyBody::Blob(digest, 0..len), len),
        Requested::Part(range) => {
            let shown = format!("bytes {}-{}/{len}", range.start, range.end - 1);
            let n = range.end - range.start;
            Reply::new(206, ReplyBody::Blob(digest, range), n).with("Content-Range", shown)
        }
        Requested::Outside => {
            let message = format!("the blob has {len} bytes");
            return Reply::error(416, "RANGE_INVALID", &message)
                .with("Content-Range", format!("bytes */{len}"));
        }
    };
    reply
        .with("Accept-Ranges", "bytes")
        .with("Content-Type", "application/octet-stream")
        .with("Docker-Content-Digest", digest.to_string())
        .with("ETag", format!("\"{digest}\""))
}

impl<I: BlobIo, C: Clock> Store<I, C> {
    /// Answers a request below `/v2/`. `range` is the `Range` header.
    ///
    /// # Errors
    /// [`Error::Io`] if the store cannot be read; everything else is a reply.
    pub async fn registry_reply(
        &self,
        method: &str,
        path: &str,
        range: Option<&str>,
    ) -> Result<Reply, Error> {
        if !matches!(method, "GET" | "HEAD") {
            let message = "this registry is read-only";
            return Ok(Reply::error(405, "UNSUPPORTED", message).with("Allow", "GET, HEAD"));
        }
        let reply = match Route::parse(path) {
            None => Reply::error(404, "NAME_INVALID", "there is no such path"),
            Some(Route::Version) => Reply::json(200, &serde_json::json!({})),
            Some(Route::Catalog) => {
                let mut names: Vec<String> = Vec::new();
                names.extend(self.list().await?.models.iter().map(|m| m.name.repository()));
                names.sort();
                names.dedup();
                Reply::json(200, &serde_json::json!({"repositories": names}))
            }
            Some(Route::Tags(repository)) => self.tags_reply(&repository).await?,
            Some(Route::Manifest(repository, reference)) => {
                self.manifest_reply(&repository, &reference).await?
            }
            Some(Route::Blob(digest)) => match self.blob_len(&digest).await? {
                Some(len) => blob_reply(digest, len, range),
                None => Reply::error(404, "BLOB_UNKNOWN", "there is no such blob"),
            },
        };
        Ok(if method == "HEAD" { reply.without_body() } else { reply })
    }

    async fn tags_reply(&self, repository: &Repository) -> Result<Reply, Error> {
        let models = self.list().await?.models;
        let found = models.iter().filter(|model| repository.has(&model.name));
        let mut tags: Vec<&str> = found.map(|model| model.name.tag()).collect();
        tags.sort_unstable();
        tags.dedup();
        if tags.is_empty() {
            return Ok(Reply::error(404, "NAME_UNKNOWN", "there is no such model"));
        }
        let name = format!("{}/{}", repository.namespace, repository.model);
        Ok(Reply::json(200, &serde_json::json!({"name": name, "tags": tags})))
    }

    async fn manifest_reply(
        &self,
        repository: &Repository,
        reference: &str,
    ) -> Result<Reply, Error> {
        let digest = Digest::parse_wire(reference).ok();
        let fits = |model: &&Model| match digest {
            Some(digest) => model.manifest.digest() == digest,
            None => model.name.tag().eq_ignore_ascii_case(reference),
        };
        let models = self.list().await?.models;
        let found = models.iter().filter(|model| repository.has(&model.name)).filter(fits);
        // The default host's model first, then in a fixed order.
        let key = |model: &&Model| (model.name.host() != DEFAULT_HOST, model.name.clone());
        let Some(model) = found.min_by_key(key) else {
            return Ok(Reply::error(404, "MANIFEST_UNKNOWN", "there is no such model"));
        };
        let raw = model.manifest.raw().to_vec();
        let media_type = match model.manifest.media_type() {
            "" => media::MANIFEST,
            media_type => media_type,
        };
        let (length, digest) = (raw.len() as u64, model.manifest.digest());
        Ok(Reply::new(200, ReplyBody::Bytes(raw), length)
            .with("Content-Type", media_type)
            .with("Docker-Content-Digest", digest.to_string())
            .with("ETag", format!("\"{digest}\"")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_routes() {
        let digest = Digest::of(b"");
        let repository = |host: Option<&str>| Repository {
            host: host.map(str::to_owned),
            namespace: "a".into(),
            model: "b".into(),
        };
        let rows = [
            ("/v2/".to_owned(), Some(Route::Version)),
            ("/v2".into(), Some(Route::Version)),
            ("/v2/_catalog".into(), Some(Route::Catalog)),
            ("/v2/a/b/tags/list".into(), Some(Route::Tags(repository(None)))),
            ("/v2/a/b/manifests/c".into(), Some(Route::Manifest(repository(None), "c".into()))),
            (
                "/v2/hf.co/a/b/manifests/c".into(),
                Some(Route::Manifest(repository(Some("hf.co")), "c".into())),
            ),
            (format!("/v2/a/b/blobs/{digest}"), Some(Route::Blob(digest))),
            (format!("/v2/a/b/blobs/sha256-{}", digest.hex()), None),
            ("/v2/a/b/blobs/sha256:../../etc/passwd".into(), None),
            ("/v2/../b/manifests/c".into(), None),
            ("/v2/b/manifests/c".into(), None),
            ("/v2/x/h/a/b/manifests/c".into(), None),
            ("/v22/".into(), None),
            ("/".into(), None),
        ];
        for (path, wanted) in rows {
            assert_eq!(Route::parse(&path), wanted, "{path}");
        }
    }

    #[test]
    fn blobs_in_part() {
        let digest = Digest::of(b"");
        let reply = blob_reply(digest, 10, Some("bytes=2-3"));
        assert_eq!((reply.status, reply.body), (206, ReplyBody::Blob(digest, 2..4)));
        assert_eq!(reply.headers.get("content-range"), Some("bytes 2-3/10"));
        assert_eq!(reply.headers.get("content-length"), Some("2"));
        let reply = blob_reply(digest, 10, Some("bytes=12-"));
        assert_eq!((reply.status, reply.headers.get("content-range")), (416, Some("bytes */10")));
    }
}
