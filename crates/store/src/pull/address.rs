//! Models from a plain address of a GGUF file.
//!
//! Nobody vouches for these bytes: no digest is known before the last one is here. So parts are
//! filed under the address and the version the server names (`ETag`, `Last-Modified`), ranges are
//! asked for on the condition that it is still that version, and the first bytes are looked at
//! before gigabytes of an error page are downloaded.

use std::rc::Rc;

use gguf::split_names;
use url::Url;

use super::connection::{content_range, is_coded};
use super::job::{Job, forget};
use super::reference::name_of_url;
use super::{Access, Client};
use crate::clock::{Clock, within};
use crate::digest::Digest;
use crate::error::Error;
use crate::fetch::{Body, Fetch, FetchError, Headers, Method};
use crate::io::BlobIo;
use crate::limits::{BLOB_BYTES, PART_CHARS, REPLY_MS, URL_CHARS};
use crate::name::Name;
use crate::path::PartKey;
use crate::progress::Progress;
use crate::registry::guard::host_of;
use crate::registry::origin::Origin;
use crate::source::Source;

/// The version of a file, as its server names it; empty where it names none that can be relied on.
pub(super) fn validator(headers: &Headers) -> String {
    let strong = headers.get("etag").filter(|tag| tag.starts_with('"'));
    strong.or_else(|| headers.get("last-modified")).unwrap_or("").to_owned()
}

/// What is wanted of the file at an address.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// The name it shall have; [`name_of_url`] where none is given.
    pub name: Option<Name>,
    /// The digest it must have, for a file that is a whole model.
    pub digest: Option<Digest>,
}

/// What a server said about a file.
struct Probe {
    /// Bytes, where they are known.
    size: Option<u64>,
    validator: String,
    has_ranges: bool,
}

impl<I: BlobIo, F: Fetch, C: Clock> Client<I, F, C> {
    /// Gets the GGUF file at an address (all files of a split model, from the address of one) and
    /// stores it. What is here already, from there and in this version, is not fetched again.
    ///
    /// # Errors
    /// As [`Client::pull`]; [`Error::Gguf`] if it is no model file.
    pub async fn pull_url(
        &self,
        url: &str,
        wish: &Wish,
        access: Access,
        mut progress: impl FnMut(Progress),
    ) -> Result<Name, Error> {
        let parsed = parse(url, &access)?;
        let name = wish.name.clone().or_else(|| name_of_url(url)).ok_or_else(|| Error::Name {
            name: url.chars().take(PART_CHARS).collect(),
            reason: "no name can be made of this address, give the model one".into(),
        })?;
        progress(Progress::note("pulling manifest"));
        let clock = self.store.clock().clone();
        let origin = Rc::new(Origin::new(self.fetch.clone(), clock, parsed.clone(), access));
        let urls = all_parts(&parsed);
        if let (Some(want), true) = (wish.digest, urls.len() > 1) {
            let reason = format!("{want} cannot be the digest of {} files", urls.len());
            return Err(Error::Name { name: name.to_string(), reason });
        }
        let mut files = Vec::new();
        for url in urls {
            let told = |retry| progress(Progress::note("pulling manifest").with_retry(Some(retry)));
            let asked = self.probe(&origin, &url, true);
            files.push((origin.waits.telling(&origin.clock, asked, told).await?, url));
        }
        let sources: Vec<(Source, u64)> = files
            .iter()
            .map(|(probe, url)| (source_of(url, probe), probe.size.unwrap_or(0)))
            .collect();
        if wish.digest.is_none() && self.store.comes_from(&name, &sources).await? {
            progress(Progress::note("success"));
            return Ok(name);
        }
        let need = sources.iter().fold(0, |sum: u64, (_, size)| sum.saturating_add(*size));
        if need > BLOB_BYTES {
            return Err(Error::Full { need, have: BLOB_BYTES });
        }
        let mut blobs = Vec::new();
        for (probe, url) in files {
            blobs.push(self.pull_file(&origin, url, probe, wish.digest, &mut progress).await?);
        }
        progress(Progress::note("verifying sha256 digest"));
        progress(Progress::note("writing manifest"));
        let sources: Vec<Source> = sources.into_iter().map(|(source, _)| source).collect();
        let committed = self.store.import_sourced(&name, &blobs, &sources).await?;
        let manifest = self.store.get(&committed.name).await?.manifest;
        self.finish(committed, &manifest, progress).await
    }

    /// Size, version and first bytes of a file.
    async fn probe(
        &self,
        origin: &Origin<F, C>,
        url: &Url,
        by_range: bool,
    ) -> Result<Probe, Error> {
        let mut headers = Headers::default();
        if by_range {
            headers.push("Range", format!("bytes=0-{}", gguf::MAGIC.len() - 1));
        }
        let mut response = origin.send(Method::Get, url, &headers, &[]).await?;
        let host = origin.host();
        let range = response.headers.get("content-range");
        let size = match (response.status, range.map(content_range)) {
            (206, _) if is_coded(&response.headers) => {
                return Err(Error::protocol(&host, "compressed parts, which cannot be joined"));
            }
            (206, Some(Some((0, _, Some(total))))) => Some(total),
            (206, Some(Some((0, _, None)))) => {
                return Err(Error::protocol(&host, "a file of unknown size"));
            }
            // A browser shows this header only of hosts that allow it by name. Such a file is
            // fetched whole.
            (206, None) if by_range => return Box::pin(self.probe(origin, url, false)).await,
            (206, _) => return Err(Error::protocol(&host, "another range than the one asked for")),
            (200, _) if is_coded(&response.headers) => None,
            (200, _) => response.headers.number("content-length"),
            // The first bytes of a file are out of range where there are none.
            (416, _) => {
                let reason = "it is empty; take the address of the file itself".into();
                return Err(Error::Gguf { what: url.as_str().into(), reason });
            }
            (404, _) => return Err(Error::NotAtRegistry { name: url.path().into(), host }),
            _ => return Err(origin.status_error("the download", response).await),
        };
        let has_ranges = response.status == 206;
        let mut start = Vec::new();
        let read = async {
            while start.len() < gguf::MAGIC.len()
                && let Some(bytes) = response.body.next().await
            {
                let network = |error| Error::Network { host: host.clone(), error };
                start.extend(bytes.map_err(network)?);
            }
            Ok(())
        };
        let stalled =
            Err(Error::Network { host: host.clone(), error: FetchError::Stalled(REPLY_MS / 1000) });
        within(&origin.clock, REPLY_MS, read).await.unwrap_or(stalled)?;
        if !start.starts_with(&gguf::MAGIC) {
            let reason = "it does not begin with \"GGUF\"; take the address of the file itself, \
                          not of a page about it"
                .into();
            return Err(Error::Gguf { what: url.as_str().into(), reason });
        }
        Ok(Probe { size, validator: validator(&response.headers), has_ranges })
    }

    async fn pull_file(
        &self,
        origin: &Rc<Origin<F, C>>,
        url: Url,
        probe: Probe,
        digest: Option<Digest>,
        progress: &mut impl FnMut(Progress),
    ) -> Result<(Digest, u64), Error> {
        let file = url.path_segments().and_then(|mut parts| parts.next_back());
        let status = format!("pulling {}", file.unwrap_or("file"));
        let mut report = |done, total, retry| {
            let line = Progress::note(&status);
            progress(Progress { total, completed: Some(done), retry, ..line });
        };
        let Probe { size: Some(size), mut validator, has_ranges } = probe else {
            let report = |done, retry| report(done, None, retry);
            return self.pull_unsized(origin, &url, digest, report).await;
        };
        let by_url = || PartKey::Url(Digest::of(url.as_str().as_bytes()));
        let key = digest.map_or_else(by_url, PartKey::Blob);
        if digest.is_some() {
            // The digest says more than the server does.
            validator.clear();
        } else if validator.is_empty() {
            // Without a version nothing says that the old bytes belong to the new ones.
            forget(&self.store, &key).await?;
        }
        let (origin, tuning) = (origin.clone(), self.tuning);
        let job = Job { key, size, validator, has_ranges, url, origin, tuning };
        let report = |done, retry| report(done, Some(size), retry);
        self.downloads.join(&self.store, job, report).await
    }
}

fn source_of(url: &Url, probe: &Probe) -> Source {
    Source { address: url.as_str().to_owned(), version: probe.validator.clone() }
}

pub(super) fn parse(text: &str, access: &Access) -> Result<Url, Error> {
    let short = || text.chars().take(PART_CHARS).collect::<String>();
    let refuse = |reason: &str| Error::Name { name: short(), reason: reason.into() };
    if text.len() > URL_CHARS {
        return Err(refuse("the address is too long"));
    }
    let url = Url::parse(text).map_err(|_| refuse("it is no valid address"))?;
    let unsafe_ = |reason: &str| Error::Unsafe { host: host_of(&url), reason: reason.into() };
    match url.scheme() {
        _ if !url.username().is_empty() || url.password().is_some() => {
            Err(refuse("an address must not contain a user and password"))
        }
        "https" => Ok(url),
        "http" if access.insecure => Ok(url),
        "http" => {
            Err(unsafe_("http is not encrypted; use https, or --insecure on a trusted network"))
        }
        _ => Err(refuse("only addresses with https can be downloaded")),
    }
}

/// The addresses of a split model's files, beside the one that was given.
pub(super) fn all_parts(url: &Url) -> Vec<Url> {
    let file = url.path_segments().and_then(|mut parts| parts.next_back());
    let Some(names) = file.and_then(split_names) else { return vec![url.clone()] };
    let renamed = names.iter().map(|name| {
        let mut other = url.clone();
        if let Ok(mut parts) = other.path_segments_mut() {
            parts.pop().push(name);
        }
        other
    });
    renamed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_all_parts() {
        let url = Url::parse("https://x.example/a/m-00002-of-00002.gguf?x=1").unwrap();
        let all: Vec<String> = all_parts(&url).iter().map(Url::to_string).collect();
        assert_eq!(all[0], "https://x.example/a/m-00001-of-00002.gguf?x=1");
        assert_eq!(all[1], url.as_str());
    }

    #[test]
    fn versions_of_files() {
        let rows = [
            (vec![("ETag", "\"a\""), ("Last-Modified", "x")], "\"a\""),
            (vec![("etag", "W/\"a\""), ("last-modified", "x")], "x"),
            (vec![], ""),
        ];
        for (headers, wanted) in rows {
            let pairs = headers.iter().map(|(k, v)| (k.to_string(), v.to_string()));
            assert_eq!(validator(&Headers(pairs.collect())), wanted);
        }
    }
}
