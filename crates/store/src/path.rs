//! Where things lie in a store. The only place that makes paths.
//!
//! ```text
//! manifests/<host>/<namespace>/<model>/<tag>    Ollama's, the bytes as they came
//! blobs/sha256-<64 hex>                         Ollama's, complete and verified
//! ingle/parts/…                                 ours: downloads that are not complete
//! ingle/tmp/…                                   ours: files before they get their name
//! ingle/locks/…                                 ours: empty files that processes lock
//! ingle/used.json                               ours: when models were last used
//! ```
//!
//! Our own files lie beside Ollama's folders, because Ollama deletes what it does not know in
//! `blobs`. A path is made of checked names and digests and cannot leave the store.

use std::fmt;

use crate::digest::Digest;
use crate::name::Name;

/// A path inside of a store, with `/` between its parts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorePath(String);

impl StorePath {
    /// The path as text, `blobs/sha256-…`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parts of the path.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// The last part.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or("")
    }

    /// The folder this lies in; `None` at the top.
    pub fn parent(&self) -> Option<StorePath> {
        self.0.rsplit_once('/').map(|(parent, _)| StorePath(parent.to_owned()))
    }

    /// The folder of manifests.
    pub fn manifests() -> StorePath {
        StorePath("manifests".into())
    }

    /// The folder of blobs.
    pub fn blobs() -> StorePath {
        StorePath("blobs".into())
    }

    /// The folder of unfinished downloads.
    pub fn parts_folder() -> StorePath {
        StorePath("ingle/parts".into())
    }

    /// The folder of files without a name.
    pub fn temps() -> StorePath {
        StorePath("ingle/tmp".into())
    }

    /// A blob.
    pub fn blob(digest: &Digest) -> StorePath {
        StorePath(format!("blobs/sha256-{}", digest.hex()))
    }

    /// The bytes of an unfinished download.
    pub fn part(key: &PartKey) -> StorePath {
        StorePath(format!("ingle/parts/{}", key.stem()))
    }

    /// The record of an unfinished download: which pieces are there, and their digests.
    pub fn journal(key: &PartKey) -> StorePath {
        StorePath(format!("ingle/parts/{}.pieces", key.stem()))
    }

    /// A file that has no name yet.
    pub fn temp(stamp: u64, n: u64) -> StorePath {
        StorePath(format!("ingle/tmp/{stamp:x}-{n:x}"))
    }

    /// The lock of a download. Blobs whose digests begin alike share one, so that there are at
    /// most 256 such files, for ever; sharing costs waiting and nothing else.
    pub fn part_lock(key: &PartKey) -> StorePath {
        let [first, ..] = key.bytes();
        StorePath(format!("ingle/locks/part-{first:02x}"))
    }

    /// The lock that is held while manifests or blobs are named or removed.
    pub fn store_lock() -> StorePath {
        StorePath("ingle/locks/store".into())
    }

    /// The file that says when models were last used.
    pub fn usage() -> StorePath {
        StorePath("ingle/used.json".into())
    }

    /// A manifest. `escape` for file systems that allow no `:` in a name (Windows, OPFS).
    pub fn manifest(name: &Name, escape: bool) -> StorePath {
        let parts = [name.host(), name.namespace(), name.model(), name.tag()];
        let parts = parts.map(|part| if escape { escaped(part) } else { part.to_owned() });
        StorePath(format!("manifests/{}", parts.join("/")))
    }

    /// An entry of this folder; `None` for a name that could lead out of it.
    pub fn child(&self, name: &str) -> Option<StorePath> {
        let is_safe = !name.is_empty() && name != "." && name != "..";
        let is_safe = is_safe && !name.contains(['/', '\\', '\0']);
        is_safe.then(|| StorePath(format!("{}/{name}", self.0)))
    }
}

/// What an unfinished download is filed under.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PartKey {
    /// The digest the bytes will have.
    Blob(Digest),
    /// The digest of an address whose bytes nobody vouches for.
    Url(Digest),
}

impl PartKey {
    fn stem(&self) -> String {
        match self {
            PartKey::Blob(digest) => format!("sha256-{}", digest.hex()),
            PartKey::Url(digest) => format!("url-{}", digest.hex()),
        }
    }

    fn bytes(&self) -> &[u8; 32] {
        match self {
            PartKey::Blob(digest) | PartKey::Url(digest) => digest.bytes(),
        }
    }
}

/// A name's four parts from the folders it lies in.
pub(crate) fn manifest_name(path: &StorePath) -> Option<Name> {
    let parts: Vec<String> = path.parts().map(unescaped).collect();
    let [_, host, namespace, model, tag] = parts.as_slice() else { return None };
    Name::from_parts(host, namespace, model, tag).ok()
}

/// `:` and a point at the end mean something else to Windows. `%` stands in no name, so the escape
/// is never ambiguous and is undone everywhere.
fn escaped(part: &str) -> String {
    let part = part.replace(':', "%3A");
    match part.strip_suffix('.') {
        Some(rest) => format!("{rest}%2E"),
        None => part,
    }
}

/// The part of a name that a folder or file stands for.
pub(crate) fn unescaped(part: &str) -> String {
    part.replace("%3A", ":").replace("%2E", ".")
}

impl fmt::Display for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_are_ollamas() {
        let name: Name = "localhost:5000/a/b:c.".parse().unwrap();
        assert_eq!(StorePath::manifest(&name, false).as_str(), "manifests/localhost:5000/a/b/c.");
        let path = StorePath::manifest(&name, true);
        assert_eq!(path.as_str(), "manifests/localhost%3A5000/a/b/c%2E");
        assert_eq!(manifest_name(&path), Some(name));
        let digest = Digest::of(b"");
        let wanted = format!("blobs/sha256-{}", digest.hex());
        assert_eq!(StorePath::blob(&digest).as_str(), wanted);
    }

    #[test]
    fn children_stay_inside() {
        let folder = StorePath::blobs();
        for bad in ["", ".", "..", "a/b", "..\\a", "a\0"] {
            assert_eq!(folder.child(bad), None, "{bad:?}");
        }
        assert_eq!(folder.child("a.b").unwrap().parent(), Some(folder));
    }

    proptest! {
        #[test]
        fn a_digest_from_any_text_lies_in_blobs(text in ".{0,90}") {
            if let Ok(digest) = text.parse::<Digest>() {
                let parent = StorePath::blob(&digest).parent();
                prop_assert_eq!(parent, Some(StorePath::blobs()));
            }
        }

        #[test]
        fn a_name_from_any_text_lies_in_manifests(text in "[a-zA-Z0-9_.:/@%\\\\-]{1,60}") {
            if let Ok(name) = text.parse::<Name>() {
                for escape in [false, true] {
                    let path = StorePath::manifest(&name, escape);
                    prop_assert_eq!(path.parts().count(), 5);
                    prop_assert_eq!(manifest_name(&path), Some(name.unpinned()));
                }
            }
        }
    }
}
