//! `verify`: reads blobs again and compares them with their names.

use std::collections::BTreeMap;

use crate::clock::Clock;
use crate::digest::Digest;
use crate::error::Error;
use crate::io::BlobIo;
use crate::listing::Skipped;
use crate::name::Name;
use crate::path::StorePath;
use crate::progress::Progress;
use crate::store::{Model, Store};

/// What was found out about one blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its bytes are the ones its name promises.
    Good,
    /// It is not there.
    Missing,
    /// It has another length than the manifest says.
    Length {
        /// Bytes it has.
        have: u64,
    },
    /// Its bytes are others.
    Changed {
        /// Their digest.
        got: Digest,
    },
    /// It could not be read, in the host's words.
    Unreadable(String),
}

/// One blob and what was found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobReport {
    /// Which blob.
    pub digest: Digest,
    /// Bytes it should have.
    pub size: u64,
    /// What was found.
    pub verdict: Verdict,
    /// Models that need it.
    pub models: Vec<Name>,
}

/// What was found in a store.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Every blob once, by digest.
    pub blobs: Vec<BlobReport>,
    /// Manifests that could not be read.
    pub damaged: Vec<Skipped>,
}

impl Report {
    /// True if nothing is wrong.
    pub fn is_good(&self) -> bool {
        self.damaged.is_empty() && self.blobs.iter().all(|blob| blob.verdict == Verdict::Good)
    }
}

impl<I: BlobIo, C: Clock> Store<I, C> {
    /// Reads all blobs of one model (or of all models) and compares their digests. To cancel,
    /// drop the future; nothing is changed in any case.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a model that is not here, [`Error::Io`] if nothing can be listed.
    pub async fn verify(
        &self,
        name: Option<&Name>,
        mut progress: impl FnMut(Progress),
    ) -> Result<Report, Error> {
        let (models, damaged) = match name {
            Some(name) => (vec![self.get(name).await?], Vec::new()),
            None => {
                let listing = self.list().await?;
                (listing.models, listing.skipped)
            }
        };
        let mut blobs = Vec::new();
        for ((digest, size), models) in by_blob(&models) {
            let verdict = self.verify_blob(digest, size, &mut progress).await?;
            blobs.push(BlobReport { digest, size, verdict, models });
        }
        Ok(Report { blobs, damaged })
    }

    async fn verify_blob(
        &self,
        digest: Digest,
        size: u64,
        progress: &mut impl FnMut(Progress),
    ) -> Result<Verdict, Error> {
        match self.blob_len(&digest).await? {
            None => return Ok(Verdict::Missing),
            Some(have) if have != size => return Ok(Verdict::Length { have }),
            Some(_) => {}
        }
        progress(Progress::blob("verifying", digest, size, 0));
        let file = match self.open_blob(&digest).await {
            Ok(file) => file,
            Err(error) => return Ok(Verdict::Unreadable(error.to_string())),
        };
        let path = StorePath::blob(&digest);
        let report = |done| progress(Progress::blob("verifying", digest, size, done));
        Ok(match self.hash_file(&file, &path, report).await {
            Ok(got) if got == digest => Verdict::Good,
            Ok(got) => Verdict::Changed { got },
            Err(error) => Verdict::Unreadable(error.to_string()),
        })
    }
}

/// Blobs, and who needs them. Two manifests may disagree about a size; both are then looked at.
fn by_blob(models: &[Model]) -> BTreeMap<(Digest, u64), Vec<Name>> {
    let mut blobs: BTreeMap<(Digest, u64), Vec<Name>> = BTreeMap::new();
    for model in models {
        for layer in model.manifest.blobs() {
            blobs.entry((layer.digest, layer.size)).or_default().push(model.name.clone());
        }
    }
    blobs
}
