//! The header of a model that is not here: its first megabytes, fetched as far as a reader reads.
//!
//! Readers of files do not wait, so the start of each file is fetched ahead, the reader is tried,
//! and where it wanted more, more is fetched. A header is as long as its vocabulary; each round
//! fetches at least as much again as there is, so that there are few.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gguf::{ByteSource, SourceError};
use url::Url;

use super::address::parse;
use super::connection::content_range;
use super::{Access, Client};
use crate::clock::{Clock, within};
use crate::error::Error;
use crate::fetch::{Body, Fetch, FetchError, Headers, Method};
use crate::io::BlobIo;
use crate::limits::{HEADER_BYTES, STALL_MS};
use crate::media;
use crate::name::Name;
use crate::pull::address::all_parts;
use crate::registry::Registry;
use crate::registry::origin::Origin;

/// Bytes of the first round: the whole header of a small vocabulary.
const FIRST_BYTES: u64 = 1 << 20;

/// The start of a file; reading behind it fails, and is remembered.
#[derive(Default)]
struct Start {
    bytes: RefCell<Vec<u8>>,
    len: Cell<u64>,
    wanted: Cell<u64>,
}

impl ByteSource for Start {
    fn len(&self) -> u64 {
        self.len.get()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        let end = offset.saturating_add(buf.len() as u64);
        self.wanted.set(self.wanted.get().max(end));
        self.bytes.borrow().read_at(offset, buf)
    }
}

/// Where the files of a model lie.
struct Files<F, C> {
    origin: Rc<Origin<F, C>>,
    urls: Vec<Url>,
}

impl<I: BlobIo, F: Fetch, C: Clock> Client<I, F, C> {
    /// Reads the headers of the model file at an address (all files of a split model) with `open`,
    /// and says how many bytes the files have.
    ///
    /// # Errors
    /// As [`Client::pull_url`]; what `open` says of a header that is all here.
    pub async fn header_at<T, E: From<Error>>(
        &self,
        url: &str,
        access: Access,
        open: impl Fn(Vec<Box<dyn ByteSource>>) -> Result<T, E>,
    ) -> Result<(T, u64), E> {
        let url = parse(url, &access)?;
        let clock = self.store.clock().clone();
        let origin = Rc::new(Origin::new(self.fetch.clone(), clock, url.clone(), access));
        self.header_of(&Files { origin, urls: all_parts(&url) }, open).await
    }

    /// The same for a model in a registry.
    ///
    /// # Errors
    /// As [`Client::pull`].
    pub async fn header_named<T, E: From<Error>>(
        &self,
        name: &Name,
        access: Access,
        open: impl Fn(Vec<Box<dyn ByteSource>>) -> Result<T, E>,
    ) -> Result<(T, u64), E> {
        let clock = self.store.clock().clone();
        let registry = Registry::new(self.fetch.clone(), clock, name, access)?;
        let manifest = registry.manifest().await?;
        let layers = manifest.layers_of(media::MODEL);
        let urls: Result<Vec<Url>, Error> =
            layers.map(|layer| registry.blob_url(&layer.digest)).collect();
        let (urls, origin) = (urls?, registry.origin.clone());
        let (opened, _) = self.header_of(&Files { origin, urls }, open).await?;
        Ok((opened, manifest.size()))
    }

    async fn header_of<T, E: From<Error>>(
        &self,
        files: &Files<F, C>,
        open: impl Fn(Vec<Box<dyn ByteSource>>) -> Result<T, E>,
    ) -> Result<(T, u64), E> {
        let starts: Vec<Rc<Start>> = files.urls.iter().map(|_| Rc::default()).collect();
        for (start, url) in starts.iter().zip(&files.urls) {
            self.fetch_more(&files.origin, url, start, FIRST_BYTES).await?;
        }
        loop {
            let sources = starts.iter().map(|start| Box::new(start.clone()) as Box<dyn ByteSource>);
            let failure = match open(sources.collect()) {
                Ok(opened) => {
                    let sizes = starts.iter().map(|start| start.len.get());
                    return Ok((opened, sizes.fold(0, u64::saturating_add)));
                }
                Err(error) => error,
            };
            let lacks = |start: &Start| {
                let have = start.bytes.borrow().len() as u64;
                let is_more = start.wanted.get() > have && have < start.len.get();
                is_more.then_some((have, start.wanted.get()))
            };
            let found =
                starts.iter().zip(&files.urls).find_map(|(s, url)| Some((s, url, lacks(s)?)));
            let Some((start, url, (have, wanted))) = found else { return Err(failure) };
            if have >= HEADER_BYTES {
                let reason = format!("its header is longer than {HEADER_BYTES} bytes");
                return Err(Error::Gguf { what: url.as_str().into(), reason }.into());
            }
            let to = wanted.max(2 * have).min(HEADER_BYTES);
            self.fetch_more(&files.origin, url, start, to).await?;
        }
    }

    /// Fetches the start of a file up to byte `to`.
    async fn fetch_more(
        &self,
        origin: &Origin<F, C>,
        url: &Url,
        start: &Start,
        to: u64,
    ) -> Result<(), Error> {
        let host = origin.host();
        let have = start.bytes.borrow().len() as u64;
        let mut headers = Headers::default();
        headers.push("Range", format!("bytes={have}-{}", to - 1));
        let mut response = origin.send(Method::Get, url, &headers, &[]).await?;
        let range = response.headers.get("content-range").map(content_range);
        let mut bytes = match (response.status, range) {
            (206, Some(Some((from, _, Some(total))))) if from == have => {
                start.len.set(total);
                start.bytes.take()
            }
            // A browser hides this header of hosts that do not allow it.
            (206, None) => {
                response = origin.send(Method::Get, url, &Headers::default(), &[]).await?;
                Vec::new()
            }
            (200, _) => Vec::new(),
            (404, _) => return Err(Error::NotAtRegistry { name: url.path().into(), host }),
            (206, _) => return Err(Error::protocol(&host, "another range than the one asked for")),
            _ => return Err(origin.status_error("the header", response).await),
        };
        if response.status == 200 {
            // Of a file of unknown length the header says where its tensors lie; any is enough.
            start.len.set(response.headers.number("content-length").unwrap_or(u64::MAX));
        }
        let most = usize::try_from(to).unwrap_or(usize::MAX);
        while bytes.len() < most {
            let next = within(self.store.clock(), STALL_MS, response.body.next()).await;
            let network = |error| Error::Network { host: host.clone(), error };
            match next {
                Some(Some(piece)) => bytes.extend(piece.map_err(network)?),
                Some(None) => break,
                None => return Err(network(FetchError::Stalled(STALL_MS / 1000))),
            }
        }
        bytes.truncate(most);
        if bytes.len() < most && start.len.get() == u64::MAX {
            start.len.set(bytes.len() as u64);
        }
        *start.bytes.borrow_mut() = bytes;
        Ok(())
    }
}
