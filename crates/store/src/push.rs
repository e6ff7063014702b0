//! `push`: a model to a registry.
//!
//! Blobs first, the manifest last. A blob the registry has is not sent; one it has in another
//! repository is mounted from there. The rest goes up in chunks, in order, which plain OCI
//! registries and Ollama's understand; Ollama's may answer a chunk with the address of an object
//! store that wants it instead, and then wants a sum of sums at the end. An upload that was cut
//! goes on where the registry says it is. Not all do: docker's registry (2.8) signs the place into
//! the upload's address, and once part of a chunk has arrived it finds that the two differ, answers
//! 404 to every question and takes the upload up at neither place; then the blob is begun again.

use gguf::ByteSource;
use md5::{Digest as _, Md5};
use url::Url;

use crate::clock::Clock;
use crate::error::Error;
use crate::fetch::{Fetch, Headers, Method, Response};
use crate::io::BlobIo;
use crate::limits::{TRIES, UPLOAD_BYTES};
use crate::manifest::Layer;
use crate::name::Name;
use crate::path::StorePath;
use crate::progress::{Progress, Retry};
use crate::pull::Client;
use crate::registry::{Access, Registry};
use crate::store::read_error;

/// An upload in progress.
struct Upload {
    /// Where the next chunk goes.
    location: Url,
    /// Bytes the registry has.
    at: u64,
    /// MD5 sums of the chunks an object store took.
    sums: Vec<[u8; 16]>,
}

impl<I: BlobIo, F: Fetch, C: Clock> Client<I, F, C> {
    /// Sends a model to the registry its name says. To cancel, drop the future.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::BlobMissing`], [`Error::Auth`], and what the registry says.
    pub async fn push(
        &self,
        name: &Name,
        access: Access,
        mut progress: impl FnMut(Progress),
    ) -> Result<(), Error> {
        progress(Progress::note("retrieving manifest"));
        let model = self.store.get(name).await?;
        let clock = self.store.clock().clone();
        let registry = Registry::new(self.fetch.clone(), clock, &model.name, access)?;
        for layer in model.manifest.blobs() {
            if !self.store.has_blob(&layer.digest, layer.size).await? {
                return Err(Error::BlobMissing { digest: layer.digest });
            }
        }
        for layer in model.manifest.blobs() {
            self.push_blob(&registry, layer, &mut progress).await?;
        }
        progress(Progress::note("pushing manifest"));
        let mut headers = Headers::default();
        headers.push("Content-Type", Self::media_type(&model.manifest));
        let url = registry.url(&format!("manifests/{}", model.name.tag()))?;
        let raw = model.manifest.raw();
        let response = registry.origin.send(Method::Put, &url, &headers, raw).await?;
        expect(&registry, "the manifest", response, &[200, 201, 202]).await?;
        progress(Progress::note("success"));
        Ok(())
    }

    async fn push_blob(
        &self,
        registry: &Registry<F, C>,
        layer: &Layer,
        progress: &mut impl FnMut(Progress),
    ) -> Result<(), Error> {
        let (digest, size) = (layer.digest, layer.size);
        let mut most = 0;
        let mut report = |done: u64, retry| {
            most = done.max(most);
            progress(Progress::blob("pushing", digest, size, most).with_retry(retry));
        };
        report(0, None);
        let url = registry.blob_url(&digest)?;
        let head = registry.origin.send(Method::Head, &url, &Headers::default(), &[]).await?;
        match head.status {
            200 => {}
            404 => {
                if let Some(upload) = self.begin(registry, layer).await? {
                    self.upload(registry, layer, upload, &mut report).await?;
                }
            }
            _ => return Err(registry.origin.status_error("the blob", head).await),
        }
        report(size, None);
        Ok(())
    }

    /// Begins an upload; `None` if the registry found the blob elsewhere.
    async fn begin(
        &self,
        registry: &Registry<F, C>,
        layer: &Layer,
    ) -> Result<Option<Upload>, Error> {
        let mut url = registry.url("blobs/uploads/")?;
        let from = layer.from.as_deref().and_then(|from| from.parse::<Name>().ok());
        if let Some(from) = from.filter(|from| from.host() == registry.name.host()) {
            let mut query = url.query_pairs_mut();
            query.append_pair("mount", &layer.digest.to_string());
            query.append_pair("from", &from.repository());
        }
        let response = registry.origin.send(Method::Post, &url, &Headers::default(), &[]).await?;
        if response.status == 201 {
            return Ok(None);
        }
        let response = expect(registry, "the upload", response, &[202]).await?;
        let location = location(registry, &url, &response.headers)?;
        Ok(Some(Upload { location, at: 0, sums: Vec::new() }))
    }

    async fn upload(
        &self,
        registry: &Registry<F, C>,
        layer: &Layer,
        mut upload: Upload,
        report: &mut impl FnMut(u64, Option<Retry>),
    ) -> Result<(), Error> {
        let mut tries = 0;
        while upload.at < layer.size {
            match self.send_chunk(registry, layer, &mut upload).await {
                Ok(()) => {
                    report(upload.at, None);
                    tries = 0;
                }
                Err(error) if may_go_on(&error) && tries + 1 < TRIES => {
                    let wait_ms = error.wait_ms(tries);
                    let is_busy = matches!(error, Error::Status { .. });
                    let retry = Retry { attempt: tries + 2, of: TRIES, wait_ms, is_busy };
                    report(upload.at, Some(retry));
                    self.store.clock().sleep_ms(wait_ms).await;
                    tries += 1;
                    self.find_place(registry, layer, &mut upload).await?;
                }
                Err(error) => return Err(error),
            }
        }
        let mut url = upload.location;
        url.query_pairs_mut().append_pair("digest", &layer.digest.to_string());
        if !upload.sums.is_empty() {
            let sum = Md5::digest(upload.sums.concat());
            let hex: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
            let etag = format!("{hex}-{}", upload.sums.len());
            url.query_pairs_mut().append_pair("etag", &etag);
        }
        let mut headers = Headers::default();
        headers.push("Content-Type", "application/octet-stream");
        let response = registry.origin.send(Method::Put, &url, &headers, &[]).await?;
        expect(registry, "the upload", response, &[200, 201, 204]).await?;
        Ok(())
    }

    async fn send_chunk(
        &self,
        registry: &Registry<F, C>,
        layer: &Layer,
        upload: &mut Upload,
    ) -> Result<(), Error> {
        let n = (layer.size - upload.at).min(UPLOAD_BYTES);
        let mut chunk = vec![0; usize::try_from(n).unwrap_or(0)];
        let file = self.store.open_blob(&layer.digest).await?;
        let read = file.read_at(upload.at, &mut chunk);
        read.map_err(|error| read_error(&StorePath::blob(&layer.digest), &error))?;
        let mut headers = Headers::default();
        headers.push("Content-Type", "application/octet-stream");
        headers.push("Content-Range", format!("{}-{}", upload.at, upload.at + n - 1));
        headers.push("X-Redirect-Uploads", "1");
        let origin = &registry.origin;
        let response = origin.try_send(Method::Patch, &upload.location, &headers, &chunk).await?;
        match response.status {
            307 => {
                let next = location(registry, &upload.location, &response.headers)?;
                let elsewhere = response.headers.get("location").unwrap_or("");
                let elsewhere = origin.join(&upload.location, elsewhere)?;
                let sent =
                    origin.try_send(Method::Put, &elsewhere, &Headers::default(), &chunk).await?;
                expect(registry, "the upload", sent, &[200, 201, 204]).await?;
                upload.sums.push(Md5::digest(&chunk).into());
                upload.location = next;
            }
            _ => {
                let response = expect(registry, "the upload", response, &[200, 202, 204]).await?;
                upload.location = location(registry, &upload.location, &response.headers)?;
            }
        }
        upload.at += n;
        Ok(())
    }

    /// After a cut: asks how much has arrived, and begins again if the registry does not know.
    async fn find_place(
        &self,
        registry: &Registry<F, C>,
        layer: &Layer,
        upload: &mut Upload,
    ) -> Result<(), Error> {
        let none = Headers::default();
        let asked = registry.origin.send(Method::Get, &upload.location, &none, &[]).await;
        let known = match asked {
            Ok(response) if upload.sums.is_empty() && response.status == 204 => {
                let place = location(registry, &upload.location, &response.headers);
                received(&response.headers).filter(|at| *at <= layer.size).zip(place.ok())
            }
            _ => None,
        };
        match known {
            Some((at, location)) => (upload.at, upload.location) = (at, location),
            None => {
                if let Some(fresh) = self.begin(registry, layer).await? {
                    *upload = fresh;
                } else {
                    upload.at = layer.size;
                }
            }
        }
        Ok(())
    }
}

/// Whether asking the registry for its place may help: also where it says (416) that this chunk is
/// not the next one.
fn may_go_on(error: &Error) -> bool {
    error.is_passing() || matches!(error, Error::Status { status: 416, .. })
}

/// Bytes the registry has, from `Range: 0-1023` (`0-0` before the first chunk, too).
fn received(headers: &Headers) -> Option<u64> {
    let range = headers.get("range")?.trim();
    let last: u64 = range.trim_start_matches("bytes=").strip_prefix("0-")?.parse().ok()?;
    Some(if last == 0 { 0 } else { last.saturating_add(1) })
}

fn location<F: Fetch, C: Clock>(
    registry: &Registry<F, C>,
    base: &Url,
    headers: &Headers,
) -> Result<Url, Error> {
    let found = headers.get("docker-upload-location").or_else(|| headers.get("location"));
    let host = registry.origin.host();
    let missing = || Error::protocol(&host, "an upload without an address to send it to");
    registry.origin.join(base, found.ok_or_else(missing)?)
}

async fn expect<F: Fetch, C: Clock>(
    registry: &Registry<F, C>,
    what: &str,
    response: Response<F::Body>,
    statuses: &[u16],
) -> Result<Response<F::Body>, Error> {
    match statuses.contains(&response.status) {
        true => Ok(response),
        false => Err(registry.origin.status_error(what, response).await),
    }
}
