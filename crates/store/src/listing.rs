//! Finding models: list, resolve, get, copy, and the one place where manifests are written.

use std::collections::BTreeSet;

use gguf::ByteSource;

use crate::clock::Clock;
use crate::digest::Digest;
use crate::error::Error;
use crate::io::{Access, BlobIo, IoKind};
use crate::limits::{MANIFEST_BYTES, MANIFESTS};
use crate::manifest::Manifest;
use crate::name::Name;
use crate::path::{StorePath, manifest_name, unescaped};
use crate::store::{Model, Store, read_error};

/// All models, and what could not be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    /// Models, the one that changed last first.
    pub models: Vec<Model>,
    /// Manifests that were left out.
    pub skipped: Vec<Skipped>,
}

/// A manifest that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its path in the store.
    pub path: String,
    /// Why, as half a sentence.
    pub reason: String,
}

/// A manifest file: where, when, and what it says.
pub(crate) struct Found {
    pub path: StorePath,
    pub modified_ms: u64,
    pub manifest: Result<Manifest, String>,
}

/// Folders between `manifests` and a manifest.
const DEPTH: usize = 3;

impl<I: BlobIo, C: Clock> Store<I, C> {
    /// All models. A damaged manifest is named in [`Listing::skipped`] and hides no other.
    ///
    /// # Errors
    /// [`Error::Io`] if the store cannot be read at all.
    pub async fn list(&self) -> Result<Listing, Error> {
        let mut listing = Listing::default();
        for Found { path, modified_ms, manifest } in self.manifests().await? {
            let skip = |reason| Skipped { path: path.as_str().to_owned(), reason };
            match (manifest_name(&path), manifest) {
                (Some(name), Ok(manifest)) => {
                    listing.models.push(Model { name, manifest, modified_ms });
                }
                (None, _) => {
                    listing.skipped.push(skip("its path is no model name".to_owned()));
                }
                (_, Err(reason)) => listing.skipped.push(skip(reason)),
            }
        }
        let key = |model: &Model| (u64::MAX - model.modified_ms, model.name.clone());
        listing.models.sort_by_key(key);
        Ok(listing)
    }

    /// Every manifest file of the store.
    pub(crate) async fn manifests(&self) -> Result<Vec<Found>, Error> {
        let mut found = Vec::new();
        let mut folders = vec![(StorePath::manifests(), DEPTH)];
        while let Some((folder, depth)) = folders.pop() {
            for entry in self.io().list(&folder).await? {
                // Hidden files are notes of file managers and no manifests.
                let path = folder.child(&entry.name).filter(|_| !entry.name.starts_with('.'));
                match (path, entry.file) {
                    (Some(path), None) if depth > 0 => folders.push((path, depth - 1)),
                    (Some(path), Some(stat)) if depth == 0 => {
                        let manifest = self.read_manifest(&path).await;
                        found.push(Found { path, modified_ms: stat.modified_ms, manifest });
                    }
                    _ => {}
                }
                if found.len() > MANIFESTS {
                    let reason = format!("there are more than {MANIFESTS} manifests");
                    return Err(Error::Manifest { name: "this store".into(), reason });
                }
            }
            self.clock().breathe().await;
        }
        Ok(found)
    }

    pub(crate) async fn read_manifest(&self, path: &StorePath) -> Result<Manifest, String> {
        let file = self.io().open(path, Access::Read).await.map_err(|error| error.to_string())?;
        let len = usize::try_from(file.len()).unwrap_or(usize::MAX);
        if len > MANIFEST_BYTES {
            return Err(format!("it has {len} bytes, more than the {MANIFEST_BYTES} allowed"));
        }
        let mut raw = vec![0; len];
        file.read_at(0, &mut raw).map_err(|error| read_error(path, &error).to_string())?;
        Manifest::parse(&raw)
    }

    /// The name under which a model is stored: this one, or one that differs only in case.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub async fn resolve(&self, name: &Name) -> Result<Option<Name>, Error> {
        if self.io().stat(&self.manifest_path(name)).await?.is_some() {
            return Ok(Some(name.unpinned()));
        }
        let mut folders = vec![StorePath::manifests()];
        for part in [name.host(), name.namespace(), name.model(), name.tag()] {
            let mut next = Vec::new();
            for folder in folders {
                for entry in self.io().list(&folder).await? {
                    if unescaped(&entry.name).eq_ignore_ascii_case(part) {
                        next.extend(folder.child(&entry.name));
                    }
                }
            }
            folders = next;
        }
        Ok(folders.iter().find_map(manifest_name).filter(|found| found.matches(name)))
    }

    /// A stored model.
    ///
    /// # Errors
    /// [`Error::NotFound`], also when the name pins another manifest; [`Error::Manifest`] when it
    /// is damaged.
    pub async fn get(&self, name: &Name) -> Result<Model, Error> {
        let missing = || Error::NotFound { name: name.to_string() };
        let stored = self.resolve(name).await?.ok_or_else(missing)?;
        let path = self.manifest_path(&stored);
        let stat = self.io().stat(&path).await?.ok_or_else(missing)?;
        let manifest = self.read_manifest(&path).await.map_err(|reason| Error::Manifest {
            name: stored.to_string(),
            reason: format!("{reason}; pull or create the model again"),
        })?;
        if name.digest().is_some_and(|digest| digest != manifest.digest()) {
            return Err(missing());
        }
        Ok(Model { name: stored, manifest, modified_ms: stat.modified_ms })
    }

    /// Writes a manifest, the step that makes a model exist, and returns what it replaced.
    ///
    /// # Errors
    /// [`Error::BlobMissing`] if one of its blobs is not here (any more).
    pub async fn commit(&self, name: &Name, manifest: &Manifest) -> Result<Committed, Error> {
        let _lock = self.lock().await?;
        for layer in manifest.blobs() {
            if !self.has_blob(&layer.digest, layer.size).await? {
                return Err(Error::BlobMissing { digest: layer.digest });
            }
        }
        let name = self.resolve(name).await?.unwrap_or_else(|| name.unpinned());
        let path = self.manifest_path(&name);
        let replaced = match self.io().stat(&path).await? {
            Some(_) => self.read_manifest(&path).await.ok(),
            None => None,
        };
        if replaced.as_ref().is_none_or(|old| old.raw() != manifest.raw()) {
            self.publish(&path, manifest.raw()).await?;
        }
        Ok(Committed { name, replaced })
    }

    /// Gives a model a second name. No blob is copied.
    ///
    /// # Errors
    /// As [`Store::get`] and [`Store::commit`].
    pub async fn copy(&self, from: &Name, to: &Name) -> Result<Name, Error> {
        let model = self.get(from).await?;
        Ok(self.commit(to, &model.manifest).await?.name)
    }

    /// Digests that manifests name.
    ///
    /// # Errors
    /// [`Error::Damaged`] at the first manifest that cannot be read: it may name anything.
    pub(crate) async fn references(&self) -> Result<BTreeSet<Digest>, Error> {
        let mut digests = BTreeSet::new();
        for Found { path, manifest, .. } in self.manifests().await? {
            match manifest {
                Ok(manifest) => digests.extend(manifest.blobs().iter().map(|layer| layer.digest)),
                Err(reason) => {
                    return Err(Error::Damaged { path: path.as_str().to_owned(), reason });
                }
            }
        }
        Ok(digests)
    }

    /// Removes a file; a file that is in use elsewhere and cannot be removed stays.
    pub(crate) async fn try_remove(&self, path: &StorePath) -> Result<bool, Error> {
        match self.io().remove(path).await {
            Ok(was_there) => Ok(was_there),
            Err(error) if error.kind == IoKind::Denied => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// A manifest that was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Committed {
    /// The name it stands under.
    pub name: Name,
    /// The manifest that stood there before, where one could be read.
    pub replaced: Option<Manifest>,
}
