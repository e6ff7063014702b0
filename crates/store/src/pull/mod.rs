//! `pull`: a model from a registry, or from any address.
//!
//! The manifest first, then every blob that is missing, then, when all of them have their names,
//! the manifest's name. A pull that is stopped anywhere, by a kill too, leaves complete blobs and
//! verified pieces, and the next one goes on from there.

mod address;
mod connection;
mod header;
mod job;
mod journal;
mod piece_sum;
mod pieces;
mod reference;
mod shared;
mod unsized_file;

use std::rc::Rc;

use crate::clock::Clock;
use crate::error::Error;
use crate::fetch::Fetch;
use crate::io::BlobIo;
use crate::listing::Committed;
use crate::manifest::{Layer, Manifest};
use crate::media;
use crate::name::Name;
use crate::path::PartKey;
use crate::progress::Progress;
use crate::registry::{Access, Registry};
use crate::store::Store;
pub use address::Wish;
use job::Job;
pub use pieces::Tuning;
pub use reference::name_of_url;
use shared::Downloads;

/// A store that can reach registries. Clones are the same client and share downloads.
pub struct Client<I: BlobIo, F: Fetch, C: Clock> {
    pub(crate) store: Store<I, C>,
    pub(crate) fetch: Rc<F>,
    downloads: Rc<Downloads>,
    tuning: Tuning,
}

impl<I: BlobIo, F: Fetch, C: Clock> Clone for Client<I, F, C> {
    fn clone(&self) -> Self {
        Client {
            store: self.store.clone(),
            fetch: self.fetch.clone(),
            downloads: self.downloads.clone(),
            tuning: self.tuning,
        }
    }
}

/// Beginning of the media types of a model's layers.
const MODEL_LAYERS: &str = "application/vnd.ollama.image.";

impl<I: BlobIo, F: Fetch, C: Clock> Client<I, F, C> {
    /// A client of this store.
    pub fn new(store: Store<I, C>, fetch: F) -> Self {
        let (fetch, downloads) = (Rc::new(fetch), Rc::default());
        Client { store, fetch, downloads, tuning: Tuning::default() }
    }

    /// The same with downloads cut up otherwise.
    pub fn with_tuning(self, tuning: Tuning) -> Self {
        Client { tuning, ..self }
    }

    /// The store.
    pub fn store(&self) -> &Store<I, C> {
        &self.store
    }

    /// Gets a model from the registry its name says, and returns the name it is stored under.
    /// To cancel, drop the future.
    ///
    /// # Errors
    /// Any kind. The store is as before but for blobs that are complete, and pieces from which the
    /// next pull goes on.
    pub async fn pull(
        &self,
        name: &Name,
        access: Access,
        mut progress: impl FnMut(Progress),
    ) -> Result<Name, Error> {
        progress(Progress::note("pulling manifest"));
        let clock = self.store.clock().clone();
        let registry = Rc::new(Registry::new(self.fetch.clone(), clock, name, access)?);
        let asked = registry.manifest();
        let told = |retry| progress(Progress::note("pulling manifest").with_retry(Some(retry)));
        let manifest = registry.origin.waits.telling(self.store.clock(), asked, told).await?;
        let is_model = manifest.layers().iter().any(|l| l.media_type.starts_with(MODEL_LAYERS));
        if !is_model {
            let reason = "it is an image of something else: no layer is part of a model".into();
            return Err(Error::Manifest { name: name.to_string(), reason });
        }
        self.pull_layers(&registry, &manifest, &mut progress).await?;
        progress(Progress::note("verifying sha256 digest"));
        progress(Progress::note("writing manifest"));
        let committed = match self.store.commit(name, &manifest).await {
            // Somebody removed a blob since we saw it.
            Err(Error::BlobMissing { .. }) => {
                self.pull_layers(&registry, &manifest, &mut progress).await?;
                self.store.commit(name, &manifest).await?
            }
            other => other?,
        };
        self.finish(committed, &manifest, progress).await
    }

    async fn finish(
        &self,
        committed: Committed,
        manifest: &Manifest,
        mut progress: impl FnMut(Progress),
    ) -> Result<Name, Error> {
        if let Some(old) = committed.replaced.filter(|old| old.digest() != manifest.digest()) {
            progress(Progress::note("removing unused layers"));
            self.store.remove_replaced(&old).await?;
        }
        progress(Progress::note("success"));
        Ok(committed.name)
    }

    /// Downloads what is missing, in the manifest's order.
    async fn pull_layers(
        &self,
        registry: &Rc<Registry<F, C>>,
        manifest: &Manifest,
        progress: &mut impl FnMut(Progress),
    ) -> Result<(), Error> {
        let mut missing = Vec::new();
        for layer in manifest.blobs() {
            match self.store.has_blob(&layer.digest, layer.size).await? {
                false => missing.push(layer),
                true => progress(Progress::blob("pulling", layer.digest, layer.size, layer.size)),
            }
        }
        self.check_space(&missing).await?;
        for layer in missing {
            let job = Job {
                key: PartKey::Blob(layer.digest),
                size: layer.size,
                validator: String::new(),
                has_ranges: true,
                url: registry.blob_url(&layer.digest)?,
                origin: registry.origin.clone(),
                tuning: self.tuning,
            };
            let report = |done, retry| {
                let line = Progress::blob("pulling", layer.digest, layer.size, done);
                progress(line.with_retry(retry));
            };
            self.downloads.join(&self.store, job, report).await?;
        }
        Ok(())
    }

    /// Whether all that is missing fits. What unfinished downloads take up already counts.
    async fn check_space(&self, missing: &[&Layer]) -> Result<(), Error> {
        let mut need: u64 = 0;
        for layer in missing {
            let part = crate::path::StorePath::part(&PartKey::Blob(layer.digest));
            let have = self.store.io().stat(&part).await?.map_or(0, |stat| stat.len);
            need = need.saturating_add(layer.size.saturating_sub(have));
        }
        self.store.check_space(need).await
    }

    /// The media type a manifest is sent with.
    pub(crate) fn media_type(manifest: &Manifest) -> &str {
        match manifest.media_type() {
            "" => media::MANIFEST,
            media_type => media_type,
        }
    }
}
