//! Models from a plain address of a GGUF file.
//!
//! Nobody vouches for these bytes: no digest is known before the last one is here. So parts are
//! filed under the address and the version the server names (`ETag`, `Last-Modified`), ranges are
//! asked for on the condition that it is still that version, and the first bytes are looked at
//! before gigabytes of an error page are downloaded.

use std::rc::Rc;

use gguf::split_names;
use url::Url;

use super::connection::content_range;
use super::job::{Job, forget};
use super::{Access, Client};
use crate::clock::{Clock, within};
use crate::digest::Digest;
use crate::error::Error;
use crate::fetch::{Body, Fetch, FetchError, Headers, Method};
use crate::io::BlobIo;
use crate::limits::{BLOB_BYTES, PART_CHARS, REPLY_MS, URL_CHARS};
use crate::name::{DEFAULT_HOST, DEFAULT_NAMESPACE, DEFAULT_TAG, Name};
use crate::path::PartKey;
use crate::progress::Progress;
use crate::registry::guard::host_of;
use crate::registry::origin::Origin;

/// The version of a file, as its server names it; empty where it names none that can be relied on.
pub(super) fn validator(headers: &Headers) -> String {
    let strong = headers.get("etag").filter(|tag| tag.starts_with('"'));
    strong.or_else(|| headers.get("last-modified")).unwrap_or("").to_owned()
}

/// A name for the model at this address: `hf.co/owner/repository:file` for files of Hugging Face,
/// else the file's name.
pub fn name_of_url(url: &str) -> Option<Name> {
    let url = Url::parse(url).ok()?;
    let parts: Vec<&str> = url.path_segments()?.collect();
    let file = parts.last()?;
    let stem = match gguf::SplitName::parse(file) {
        Some(split) => split.prefix,
        None => file.strip_suffix(".gguf").unwrap_or(file).to_owned(),
    };
    let allowed = |c: char| if c.is_ascii_alphanumeric() || "_-.".contains(c) { c } else { '-' };
    let stem: String = stem.chars().map(allowed).take(PART_CHARS).collect();
    let stem = stem.trim_start_matches(['-', '.']);
    let is_hf = matches!(url.host_str(), Some("huggingface.co" | "hf.co"));
    let found = match parts.as_slice() {
        [owner, repository, "resolve", _, ..] if is_hf => {
            Name::from_parts("hf.co", owner, repository, stem)
        }
        _ => Name::from_parts(DEFAULT_HOST, DEFAULT_NAMESPACE, stem, DEFAULT_TAG),
    };
    found.ok()
}

/// What a server said about a file.
struct Probe {
    size: u64,
    validator: String,
}

impl<I: BlobIo, F: Fetch, C: Clock> Client<I, F, C> {
    /// Gets the GGUF file at an address (all files of a split model, from the address of one) and
    /// stores it as `name`, or as [`name_of_url`] says.
    ///
    /// # Errors
    /// As [`Client::pull`]; [`Error::Gguf`] if it is no model file.
    pub async fn pull_url(
        &self,
        url: &str,
        name: Option<&Name>,
        access: Access,
        mut progress: impl FnMut(Progress),
    ) -> Result<Name, Error> {
        let parsed = parse(url, &access)?;
        let unnamed = || Error::Name {
            name: url.chars().take(PART_CHARS).collect(),
            reason: "no name can be made of this address, give the model one".into(),
        };
        let name = match name {
            Some(name) => name.clone(),
            None => name_of_url(url).ok_or_else(unnamed)?,
        };
        progress(Progress::note("pulling manifest"));
        let clock = self.store.clock().clone();
        let origin = Rc::new(Origin::new(self.fetch.clone(), clock, parsed.clone(), access));
        let mut files = Vec::new();
        for url in all_parts(&parsed) {
            files.push((self.probe(&origin, &url).await?, url));
        }
        let need = files.iter().fold(0, |sum: u64, (probe, _)| sum.saturating_add(probe.size));
        if need > BLOB_BYTES {
            return Err(Error::Full { need, have: BLOB_BYTES });
        }
        let mut blobs = Vec::new();
        for (probe, url) in files {
            blobs.push(self.pull_file(&origin, url, probe, &mut progress).await?);
        }
        progress(Progress::note("verifying sha256 digest"));
        progress(Progress::note("writing manifest"));
        let committed = self.store.import_blobs(&name, &blobs).await?;
        let manifest = self.store.get(&committed.name).await?.manifest;
        self.finish(committed, &manifest, progress).await
    }

    /// Size, version and first bytes of a file.
    async fn probe(&self, origin: &Origin<F, C>, url: &Url) -> Result<Probe, Error> {
        let mut headers = Headers::default();
        headers.push("Range", format!("bytes=0-{}", gguf::MAGIC.len() - 1));
        let mut response = origin.send(Method::Get, url, &headers, &[]).await?;
        let host = origin.host();
        let range = response.headers.get("content-range").and_then(content_range);
        let size = match (response.status, range) {
            (206, Some((0, _, total))) => total,
            (200, _) => response.headers.number("content-length"),
            (206, _) => return Err(Error::protocol(&host, "another range than the one asked for")),
            (404, _) => return Err(Error::NotAtRegistry { name: url.path().into(), host }),
            _ => return Err(origin.status_error("the download", response).await),
        };
        let size = size.ok_or_else(|| Error::protocol(&host, "a file of unknown size"))?;
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
        Ok(Probe { size, validator: validator(&response.headers) })
    }

    async fn pull_file(
        &self,
        origin: &Rc<Origin<F, C>>,
        url: Url,
        probe: Probe,
        progress: &mut impl FnMut(Progress),
    ) -> Result<(Digest, u64), Error> {
        let key = PartKey::Url(Digest::of(url.as_str().as_bytes()));
        if probe.validator.is_empty() {
            // Without a version nothing says that the old bytes belong to the new ones.
            forget(&self.store, &key).await?;
        }
        let (size, validator, tuning) = (probe.size, probe.validator, self.tuning);
        let file = url.path_segments().and_then(|mut parts| parts.next_back());
        let status = format!("pulling {}", file.unwrap_or("file"));
        let report = |done| {
            let line = Progress::note(&status);
            progress(Progress { total: Some(size), completed: Some(done), ..line });
        };
        let job = Job { key, size, validator, url, origin: origin.clone(), tuning };
        self.downloads.join(&self.store, job, report).await
    }
}

fn parse(text: &str, access: &Access) -> Result<Url, Error> {
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
fn all_parts(url: &Url) -> Vec<Url> {
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
    fn names_of_addresses() {
        let rows = [
            ("https://x.example/a/My%20Model-Q4_K_M.gguf", Some("My-20Model-Q4_K_M:latest")),
            ("https://x.example/m-00002-of-00003.gguf?sig=1", Some("m:latest")),
            (
                "https://huggingface.co/bart/L-GGUF/resolve/main/L-Q8_0.gguf",
                Some("hf.co/bart/L-GGUF:L-Q8_0"),
            ),
            ("https://x.example/", None),
            ("https://x.example/...", None),
            ("nothing", None),
        ];
        for (url, wanted) in rows {
            assert_eq!(name_of_url(url).map(|name| name.short()).as_deref(), wanted, "{url}");
        }
    }

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
