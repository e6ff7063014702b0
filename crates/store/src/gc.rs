//! Removing: a model by name, and what nobody names any more.
//!
//! A blob is only removed under the store's lock and only if every manifest could be read and none
//! names it. A damaged manifest may name anything, so while there is one, no blob is removed.

use crate::clock::Clock;
use crate::digest::Digest;
use crate::error::Error;
use crate::io::{BlobIo, Entry};
use crate::limits::{GRACE_MS, PART_GRACE_MS};
use crate::manifest::Manifest;
use crate::name::Name;
use crate::path::{PartKey, StorePath};
use crate::store::Store;

/// What removing a model did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Removed {
    /// Blobs that are gone.
    pub blobs: Vec<Digest>,
    /// Bytes they had.
    pub bytes: u64,
    /// Why blobs were kept although this model was perhaps the last to name them.
    pub kept: Option<String>,
}

/// What a prune did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pruned {
    /// Blobs that are gone.
    pub blobs: Vec<Digest>,
    /// Rests of downloads and nameless files that are gone.
    pub n_rests: usize,
    /// Bytes all of them had.
    pub bytes: u64,
    /// Unreferenced things that are too young to be removed.
    pub n_young: usize,
    /// Why no blob was removed, if a damaged manifest stands in the way.
    pub blocked: Option<String>,
}

/// How old rests must be, milliseconds. The defaults are for a store in use; tests and a user who
/// says so may choose less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ages {
    /// For blobs that nobody names, and for nameless files.
    pub grace_ms: u64,
    /// For parts of downloads.
    pub part_ms: u64,
}

impl Default for Ages {
    fn default() -> Self {
        Ages { grace_ms: GRACE_MS, part_ms: PART_GRACE_MS }
    }
}

impl<I: BlobIo, C: Clock> Store<I, C> {
    /// Removes a name, and the blobs that no other manifest names.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Io`].
    pub async fn remove(&self, name: &Name) -> Result<Removed, Error> {
        let _lock = self.lock().await?;
        let missing = || Error::NotFound { name: name.to_string() };
        let stored = self.resolve(name).await?.ok_or_else(missing)?;
        let path = self.manifest_path(&stored);
        let manifest = self.read_manifest(&path).await;
        // The name goes first: a kill between the two leaves blobs without a name, never a name
        // without blobs.
        if !self.io().remove(&path).await? {
            return Err(missing());
        }
        self.remove_empty_folders(&path).await?;
        match manifest {
            Ok(manifest) => self.remove_unreferenced(&manifest).await,
            Err(reason) => Ok(Removed {
                kept: Some(format!("its manifest was damaged ({reason}), prune removes its blobs")),
                ..Removed::default()
            }),
        }
    }

    /// Removes the blobs of a manifest that was replaced, unless another one names them.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub async fn remove_replaced(&self, old: &Manifest) -> Result<Removed, Error> {
        let _lock = self.lock().await?;
        self.remove_unreferenced(old).await
    }

    async fn remove_unreferenced(&self, manifest: &Manifest) -> Result<Removed, Error> {
        let named = match self.references().await {
            Ok(named) => named,
            Err(Error::Damaged { path, reason }) => {
                let kept = format!("the manifest {path} is damaged ({reason}) and may name them");
                return Ok(Removed { kept: Some(kept), ..Removed::default() });
            }
            Err(error) => return Err(error),
        };
        let mut removed = Removed::default();
        for layer in manifest.blobs() {
            let is_named = named.contains(&layer.digest);
            if !is_named && self.try_remove(&StorePath::blob(&layer.digest)).await? {
                removed.blobs.push(layer.digest);
                removed.bytes = removed.bytes.saturating_add(layer.size);
            }
        }
        Ok(removed)
    }

    async fn remove_empty_folders(&self, path: &StorePath) -> Result<(), Error> {
        let mut folder = path.parent();
        while let Some(this) = folder.filter(|folder| *folder != StorePath::manifests()) {
            if !self.io().remove_folder(&this).await? {
                break;
            }
            folder = this.parent();
        }
        Ok(())
    }

    /// Removes what nobody names and nobody is working on.
    ///
    /// # Errors
    /// [`Error::Io`]. A damaged manifest is no error: it is reported and no blob is removed.
    pub async fn prune(&self, ages: Ages) -> Result<Pruned, Error> {
        let _lock = self.lock().await?;
        let mut pruned = Pruned::default();
        self.prune_blobs(ages, &mut pruned).await?;
        self.prune_temps(ages, &mut pruned).await?;
        self.prune_parts(ages, &mut pruned).await?;
        Ok(pruned)
    }

    async fn prune_blobs(&self, ages: Ages, pruned: &mut Pruned) -> Result<(), Error> {
        let named = match self.references().await {
            Ok(named) => named,
            Err(error @ Error::Damaged { .. }) => {
                pruned.blocked = Some(error.to_string());
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let folder = StorePath::blobs();
        for entry in self.io().list(&folder).await? {
            match entry.name.parse::<Digest>() {
                Ok(digest) if named.contains(&digest) => {}
                Ok(digest) => {
                    if self.prune_file(&folder, &entry, ages.grace_ms, pruned).await? {
                        pruned.blobs.push(digest);
                    }
                }
                // Unfinished downloads of Ollama.
                Err(_) if entry.name.starts_with("sha256-") && entry.name.contains("-partial") => {
                    if self.prune_file(&folder, &entry, ages.part_ms, pruned).await? {
                        pruned.n_rests += 1;
                    }
                }
                // Not ours, not Ollama's: somebody put it there.
                Err(_) => {}
            }
        }
        Ok(())
    }

    async fn prune_temps(&self, ages: Ages, pruned: &mut Pruned) -> Result<(), Error> {
        let folder = StorePath::temps();
        for entry in self.io().list(&folder).await? {
            if self.prune_file(&folder, &entry, ages.grace_ms, pruned).await? {
                pruned.n_rests += 1;
            }
        }
        Ok(())
    }

    async fn prune_parts(&self, ages: Ages, pruned: &mut Pruned) -> Result<(), Error> {
        let folder = StorePath::parts_folder();
        for entry in self.io().list(&folder).await? {
            let stem = entry.name.strip_suffix(".pieces").unwrap_or(&entry.name);
            let key = match (stem.parse::<Digest>(), stem.strip_prefix("url-")) {
                (Ok(digest), _) => PartKey::Blob(digest),
                (_, Some(hex)) => match format!("sha256-{hex}").parse() {
                    Ok(digest) => PartKey::Url(digest),
                    Err(_) => continue,
                },
                _ => continue,
            };
            // Somebody downloads it while the lock is held.
            let Some(_lock) = self.try_lock(&StorePath::part_lock(&key)).await? else {
                continue;
            };
            let is_done = match &key {
                PartKey::Blob(digest) => self.blob_len(digest).await?.is_some(),
                PartKey::Url(_) => false,
            };
            let age_ms = if is_done { 0 } else { ages.part_ms };
            if self.prune_file(&folder, &entry, age_ms, pruned).await? {
                pruned.n_rests += 1;
            }
        }
        Ok(())
    }

    async fn prune_file(
        &self,
        folder: &StorePath,
        entry: &Entry,
        age_ms: u64,
        pruned: &mut Pruned,
    ) -> Result<bool, Error> {
        let (Some(stat), Some(path)) = (entry.file, folder.child(&entry.name)) else {
            return Ok(false);
        };
        // A clock that was set back makes things young, which keeps them.
        if self.clock().unix_ms().saturating_sub(stat.modified_ms) < age_ms {
            pruned.n_young += 1;
            return Ok(false);
        }
        let is_gone = self.try_remove(&path).await?;
        if is_gone {
            pruned.bytes = pruned.bytes.saturating_add(stat.len);
        }
        Ok(is_gone)
    }
}
