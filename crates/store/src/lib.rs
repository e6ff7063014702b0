//! Models by name: manifests, blobs, pull, push, verify, prune.

#![deny(missing_docs)]
