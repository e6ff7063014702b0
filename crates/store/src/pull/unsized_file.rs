//! Files of unknown length: a server that sends in parts of its own, or compresses on the way.
//!
//! There is nothing to count pieces of, so such a file comes through one connection, is hashed
//! while it is written, and a break means to begin anew.

use url::Url;

use super::Client;
use crate::clock::{Clock, within};
use crate::digest::Digest;
use crate::error::Error;
use crate::fetch::{Body, Fetch, FetchError, Headers, Method};
use crate::io::BlobIo;
use crate::limits::{COPY_BYTES, STALL_MS};
use crate::progress::Retry;
use crate::registry::origin::Origin;

impl<I: BlobIo, F: Fetch, C: Clock> Client<I, F, C> {
    /// Stores the file at an address, whatever its length; `report` hears the bytes so far,
    /// and of a busy server's waits.
    pub(super) async fn pull_unsized(
        &self,
        origin: &Origin<F, C>,
        url: &Url,
        want: Option<Digest>,
        mut report: impl FnMut(u64, Option<Retry>),
    ) -> Result<(Digest, u64), Error> {
        let host = origin.host();
        let none = Headers::default();
        let asked = origin.send(Method::Get, url, &none, &[]);
        let told = |retry| report(0, Some(retry));
        let mut response = origin.waits.telling(self.store.clock(), asked, told).await?;
        if response.status != 200 {
            return Err(origin.status_error("the download", response).await);
        }
        let mut writer = self.store.write_blob(None).await?;
        let mut buffer: Vec<u8> = Vec::with_capacity(COPY_BYTES);
        let failed = loop {
            match within(self.store.clock(), STALL_MS, response.body.next()).await {
                Some(Some(Ok(bytes))) => buffer.extend(bytes),
                Some(None) => break None,
                Some(Some(Err(error))) => break Some(error),
                None => break Some(FetchError::Stalled(STALL_MS / 1000)),
            }
            if buffer.len() >= COPY_BYTES {
                writer.write(&buffer).await?;
                buffer.clear();
                report(writer.len(), None);
            }
        };
        if let Some(error) = failed {
            writer.abandon().await;
            return Err(Error::Network { host, error });
        }
        writer.write(&buffer).await?;
        report(writer.len(), None);
        writer.finish(want).await
    }
}
