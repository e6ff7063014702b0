//! When models were last used: a small file of ours beside the models.
//!
//! One file for all, written in one step. It is a memory aid: if it is lost or damaged, models were
//! never used.

use std::collections::BTreeMap;

use gguf::ByteSource;

use crate::clock::Clock;
use crate::error::Error;
use crate::io::{Access, BlobIo};
use crate::limits::TEXT_BYTES;
use crate::name::Name;
use crate::path::StorePath;
use crate::store::Store;

impl<I: BlobIo, C: Clock> Store<I, C> {
    /// When models were last used, by name, milliseconds since 1970.
    pub async fn used(&self) -> BTreeMap<String, u64> {
        let Ok(file) = self.io().open(&StorePath::usage(), Access::Read).await else {
            return BTreeMap::new();
        };
        let len = file.len().min(TEXT_BYTES);
        let mut raw = vec![0; usize::try_from(len).unwrap_or(0)];
        match file.read_at(0, &mut raw) {
            Ok(()) => serde_json::from_slice(&raw).unwrap_or_default(),
            Err(_) => BTreeMap::new(),
        }
    }

    /// Notes that a model is used now. Names that are not stored any more are forgotten.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Io`].
    pub async fn mark_used(&self, name: &Name) -> Result<(), Error> {
        let _lock = self.lock().await?;
        let mut used = self.used().await;
        used.insert(name.to_string(), self.clock().unix_ms());
        let listing = self.list().await?;
        used.retain(|known, _| listing.models.iter().any(|m| m.name.to_string() == *known));
        let raw = serde_json::to_vec(&used).unwrap_or_default();
        self.publish(&StorePath::usage(), &raw).await
    }
}
