//! `save` and `load`: round trips, and archives that are cut, changed, hostile or too large.

use proptest::prelude::*;
use store::{BytesBody, Error, ManualClock, MemoryIo, Store};

use crate::lab::{assert_whole, make_model, name, weights};

fn saved(model: &str) -> (ManualClock, Vec<u8>) {
    let clock = ManualClock::default();
    let store = Store::new(MemoryIo::default(), clock.clone());
    let manifest = clock.run(make_model(&store, &weights(3000, 1)));
    clock.run(store.commit(&name(model), &manifest)).unwrap();
    let mut archive = Vec::new();
    clock.run(store.save(&name(model), &mut archive, |_| ())).unwrap();
    (clock, archive)
}

fn load(clock: &ManualClock, io: &MemoryIo, archive: &[u8]) -> Result<String, Error> {
    let store = Store::new(io.clone(), clock.clone());
    let loaded = clock.run(store.load(BytesBody::new(archive), None, |_| ()));
    loaded.map(|committed| committed.name.to_string())
}

#[test]
fn an_archive_is_a_tar_of_a_store() {
    let (clock, archive) = saved("h:1/me/m:t");
    let mut entries = tar::Archive::new(archive.as_slice());
    let paths: Vec<String> = entries
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(paths[0], "manifests/h%3A1/me/m/t");
    assert!(paths[1..].iter().all(|path| path.starts_with("blobs/sha256-")));
    let io = MemoryIo::default();
    assert_eq!(load(&clock, &io, &archive).unwrap(), "h:1/me/m:t");
    // Again, over what is there, and under another name.
    load(&clock, &io, &archive).unwrap();
    let store = Store::new(io.clone(), clock.clone());
    let other = name("other");
    clock.run(store.load(BytesBody::new(archive), Some(&other), |_| ())).unwrap();
    assert_eq!(clock.run(store.list()).unwrap().models.len(), 2);
    assert_whole(&clock, &io);
}

/// Nothing of a bad archive stays.
fn assert_nothing_is_stored(io: &MemoryIo, context: &str) {
    let files: Vec<String> = io.dump().into_iter().map(|(path, _)| path).collect();
    assert!(files.is_empty(), "{context}: {files:?}");
}

#[test]
fn a_cut_archive_stores_nothing() {
    let (clock, archive) = saved("m");
    for cut in (0..archive.len() - 1024).step_by(97) {
        let io = MemoryIo::default();
        let error = load(&clock, &io, &archive[..cut]).unwrap_err();
        assert!(matches!(error, Error::Archive { .. }), "{cut}: {error}");
        assert_nothing_is_stored(&io, &cut.to_string());
    }
}

proptest! {
    #[test]
    fn a_changed_archive_is_refused_or_means_the_same(at in 0usize..9000, bit in 0u8..8) {
        let (clock, mut archive) = saved("m");
        let at = at % archive.len();
        archive[at] ^= 1 << bit;
        let io = MemoryIo::default();
        match load(&clock, &io, &archive) {
            Ok(_) => assert_whole(&clock, &io),
            Err(_) => assert_nothing_is_stored(&io, "changed"),
        }
    }

    #[test]
    fn any_bytes_are_no_archive(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let io = MemoryIo::default();
        prop_assert!(load(&ManualClock::default(), &io, &bytes).is_err());
        assert_nothing_is_stored(&io, "noise");
    }
}

/// A tar of these entries.
fn tar_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, bytes) in entries {
        let mut header = tar::Header::new_ustar();
        header.as_ustar_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        builder.append(&header, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

#[test]
fn hostile_archives_are_refused() {
    let clock = ManualClock::default();
    let store = Store::new(MemoryIo::default(), clock.clone());
    let manifest = clock.run(make_model(&store, b"weights"));
    let at = "manifests/registry.ollama.ai/library/m/latest";
    let raw = manifest.raw();
    let huge = vec![b' '; 5 << 20];
    let rows: Vec<(Vec<u8>, &str)> = vec![
        (vec![], "too early"),
        (vec![0; 1024], "empty"),
        (tar_of(&[("../../etc/passwd", b"x")]), "does not begin with a manifest"),
        (tar_of(&[("manifests/../a/b/c", raw)]), "does not begin with a manifest"),
        (tar_of(&[("manifests/a/b/c", raw)]), "does not begin with a manifest"),
        (tar_of(&[("/manifests/a/b/c/d", raw)]), "does not begin with a manifest"),
        (tar_of(&[(at, b"{}")]), "its manifest"),
        (tar_of(&[(at, &huge)]), "at most"),
        (tar_of(&[(at, raw)]), "ends before the blob"),
        (tar_of(&[(at, raw), ("blobs/../../x", b"x")]), "has no place"),
        (tar_of(&[(at, raw), ("etc/passwd", b"x")]), "has no place"),
        (tar_of(&[(at, raw), (&format!("blobs/sha256-{}", "a".repeat(64)), b"x")]), "knows no"),
    ];
    for (archive, wanted) in rows {
        let io = MemoryIo::default();
        let error = load(&clock, &io, &archive).unwrap_err();
        assert!(error.to_string().contains(wanted), "{error} lacks {wanted:?}");
        assert_nothing_is_stored(&io, wanted);
    }
}

#[test]
fn right_lengths_and_wrong_bytes_are_a_mismatch() {
    let clock = ManualClock::default();
    let store = Store::new(MemoryIo::default(), clock.clone());
    let manifest = clock.run(make_model(&store, b"weights"));
    let mut entries = vec![("manifests/h/n/m/t".to_owned(), manifest.raw().to_vec())];
    for layer in manifest.blobs() {
        let path = format!("blobs/sha256-{}", layer.digest.hex());
        entries.push((path, vec![b'x'; layer.size as usize]));
    }
    let entries: Vec<_> = entries.iter().map(|(p, b)| (p.as_str(), b.as_slice())).collect();
    let io = MemoryIo::default();
    let error = load(&clock, &io, &tar_of(&entries)).unwrap_err();
    assert!(matches!(error, Error::Mismatch { .. }), "{error}");
    assert_nothing_is_stored(&io, "mismatch");
}

#[test]
fn an_archive_that_does_not_fit_is_refused_after_its_manifest() {
    let (clock, archive) = saved("m");
    let io = MemoryIo::default();
    io.set_capacity(Some(10_000));
    assert!(matches!(load(&clock, &io, &archive), Err(Error::Full { .. })));
    assert_nothing_is_stored(&io, "full");
}

#[test]
fn a_damaged_blob_is_not_saved() {
    let (clock, archive) = saved("m");
    let io = MemoryIo::default();
    load(&clock, &io, &archive).unwrap();
    let (path, bytes) = io.dump().into_iter().find(|(_, bytes)| bytes.len() == 3000).unwrap();
    let digest: store::Digest = path.strip_prefix("blobs/").unwrap().parse().unwrap();
    let blob = store::StorePath::blob(&digest);
    let file = clock.run(store::BlobIo::open(&io, &blob, store::Access::Write)).unwrap();
    store::BlobFile::write_at(&file, 0, &[bytes[0] ^ 1]).unwrap();
    let store = Store::new(io.clone(), clock.clone());
    let error = clock.run(store.save(&name("m"), &mut Vec::new(), |_| ())).unwrap_err();
    assert!(error.to_string().contains("damaged"), "{error}");
}
