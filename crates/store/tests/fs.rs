//! The store on real folders: import, copy, remove, prune, locks, a full round through an archive.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use common::Real;
use pollster::block_on;
use store::{Ages, Digest, Error, FileBody, FileSink, FsIo, Name, Placing, Store, Verdict, media};

fn open(root: &Path) -> Store<FsIo, Real> {
    Store::new(FsIo::new(root), Real(Instant::now()))
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// A small model file with this text in it.
fn model_file(folder: &Path, file_name: &str, text: &str) -> PathBuf {
    let mut metadata = gguf::Metadata::new();
    metadata.insert("general.architecture", "llama");
    metadata.insert("general.name", text);
    metadata.insert("general.file_type", 7u32);
    let bytes = gguf::Writer::new(metadata).start(Vec::new()).unwrap().finish().unwrap();
    let path = folder.join(file_name);
    fs::write(&path, bytes).unwrap();
    path
}

fn files(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let path = path.strip_prefix(root).unwrap();
                    found.push(path.to_str().unwrap().replace('\\', "/"));
                }
            }
        }
    }
    found.retain(|path| !path.starts_with("ingle/locks/"));
    found.sort();
    found
}

#[test]
fn a_model_comes_and_goes() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    let store = open(&root);
    let file = model_file(folder.path(), "a.gguf", "one");
    let digest = Digest::of(&fs::read(&file).unwrap());
    block_on(async {
        assert_eq!(store.list().await.unwrap().models, []);
        let committed = store.import_path(&name("A:b"), &file, Placing::Copy).await.unwrap();
        assert_eq!(committed.name.short(), "A:b");
        store.copy(&name("a:B"), &name("me/c")).await.unwrap();
        let model = store.get(&name("me/C")).await.unwrap();
        let exported = Store::<FsIo, Real>::model_files(&model);
        assert_eq!((exported[0].file_name.as_str(), exported[0].digest), ("c-latest.gguf", digest));
        let config = store.read_layer(model.manifest.config()).await.unwrap();
        let config = store::ModelConfig::parse(&config).unwrap();
        assert_eq!((config.model_family.as_str(), config.file_type.as_str()), ("llama", "Q8_0"));
        assert!(store.verify(None, |_| ()).await.unwrap().is_good());
        assert_eq!(store.list().await.unwrap().models.len(), 2);
        assert_eq!(store.remove(&name("a:b")).await.unwrap().blobs, []);
        assert_eq!(store.remove(&name("me/c")).await.unwrap().blobs.len(), 2);
        let gone = store.remove(&name("me/c")).await.unwrap_err();
        assert_eq!(gone.to_string(), "model 'me/c:latest' not found");
    });
    assert_eq!(files(&root), Vec::<String>::new());
    assert!(!root.join("manifests/registry.ollama.ai").exists());
}

#[test]
fn what_is_no_regular_file_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("store"));
    let text = folder.path().join("text.gguf");
    fs::write(&text, "<!doctype html>").unwrap();
    let rows = [
        (folder.path().to_owned(), "no regular file"),
        (folder.path().join("nothing"), "no such file"),
        (text, "not a GGUF file"),
        (PathBuf::from("/dev/zero"), "file"),
    ];
    for (path, wanted) in rows {
        let error = block_on(store.import_path(&name("a"), &path, Placing::Copy)).unwrap_err();
        assert!(error.to_string().contains(wanted), "{error}");
    }
    assert_eq!(files(folder.path()), ["text.gguf"]);
}

#[test]
fn damage_is_found_and_stops_a_prune() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    let store = open(&root);
    let file = model_file(folder.path(), "a.gguf", "one");
    let now = Ages { grace_ms: 0, part_ms: 0 };
    block_on(async {
        store.import_path(&name("a"), &file, Placing::Copy).await.unwrap();
        let orphan = store.put_bytes(b"nobody names me").await.unwrap();
        assert_eq!(store.prune(Ages::default()).await.unwrap().n_young, 1);
        let damaged = root.join("manifests/registry.ollama.ai/library/b/latest");
        fs::create_dir_all(damaged.parent().unwrap()).unwrap();
        fs::write(&damaged, "").unwrap();
        let listing = store.list().await.unwrap();
        assert_eq!((listing.models.len(), listing.skipped.len()), (1, 1));
        let pruned = store.prune(now).await.unwrap();
        assert!(pruned.blobs.is_empty() && pruned.blocked.unwrap().contains("library/b/latest"));
        assert!(store.remove(&name("b")).await.unwrap().kept.is_some());
        assert_eq!(store.prune(now).await.unwrap().blobs, [orphan]);
        // One flipped bit.
        let model = store.get(&name("a")).await.unwrap();
        let layer = model.manifest.layers_of(media::MODEL).next().unwrap();
        let blob = root.join(format!("blobs/sha256-{}", layer.digest.hex()));
        let mut bytes = fs::read(&blob).unwrap();
        bytes[20] ^= 1;
        fs::write(&blob, bytes).unwrap();
        let report = store.verify(Some(&name("a")), |_| ()).await.unwrap();
        let changed = report.blobs.iter().filter(|b| matches!(b.verdict, Verdict::Changed { .. }));
        assert_eq!(changed.count(), 1);
    });
}

#[test]
fn a_split_model_is_imported_by_any_of_its_files_and_linked() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("store"));
    for no in 0..2u16 {
        let mut metadata = gguf::Metadata::new();
        metadata.insert("general.architecture", "llama");
        metadata.insert("split.no", no);
        metadata.insert("split.count", 2u16);
        let bytes = gguf::Writer::new(metadata).start(Vec::new()).unwrap().finish().unwrap();
        fs::write(folder.path().join(format!("m-0000{}-of-00002.gguf", no + 1)), bytes).unwrap();
    }
    let second = folder.path().join("m-00002-of-00002.gguf");
    block_on(async {
        store.import_path(&name("m"), &second, Placing::Link).await.unwrap();
        let model = store.get(&name("m")).await.unwrap();
        let exported = Store::<FsIo, Real>::model_files(&model);
        let names: Vec<_> = exported.iter().map(|file| file.file_name.as_str()).collect();
        assert_eq!(names, ["m-latest-00001-of-00002.gguf", "m-latest-00002-of-00002.gguf"]);
        assert_eq!(exported[1].digest, Digest::of(&fs::read(&second).unwrap()));
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            // One file with two names.
            assert_eq!(fs::metadata(&second).unwrap().nlink(), 2);
        }
        fs::remove_file(folder.path().join("m-00001-of-00002.gguf")).unwrap();
        let error = store.import_path(&name("n"), &second, Placing::Link).await.unwrap_err();
        assert!(matches!(error, Error::Gguf { .. }), "{error}");
    });
}

#[test]
fn an_archive_makes_the_same_store_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let (here, there) = (folder.path().join("here"), folder.path().join("there"));
    let file = model_file(folder.path(), "a.gguf", "one");
    block_on(async {
        let store = open(&here);
        store.import_path(&name("h:1/me/a"), &file, Placing::Copy).await.unwrap();
        let place = folder.path().join("a.tar");
        let mut sink = FileSink::create(&place).unwrap();
        store.save(&name("h:1/me/a"), &mut sink, |_| ()).await.unwrap();
        sink.finish().unwrap();
        let archive = FileBody::new(fs::File::open(&place).unwrap());
        open(&there).load(archive, None, |_| ()).await.unwrap();
    });
    assert_eq!(files(&here), files(&there));
    for path in files(&here) {
        assert_eq!(fs::read(here.join(&path)).unwrap(), fs::read(there.join(&path)).unwrap());
    }
}

#[test]
fn an_exported_file_is_the_imported_one_and_a_damaged_one_keeps_no_name() {
    let folder = tempfile::tempdir().unwrap();
    let (root, out) = (folder.path().join("store"), folder.path().join("out"));
    fs::create_dir(&out).unwrap();
    let store = open(&root);
    let file = model_file(folder.path(), "a.gguf", "one");
    block_on(async {
        store.import_path(&name("a"), &file, Placing::Copy).await.unwrap();
        let places = store.export(&name("a"), &out, |_| ()).await.unwrap();
        assert_eq!(places, [out.join("a-latest.gguf")]);
        assert_eq!(fs::read(&places[0]).unwrap(), fs::read(&file).unwrap());
        fs::remove_file(&places[0]).unwrap();
        let blob =
            root.join(format!("blobs/sha256-{}", Digest::of(&fs::read(&file).unwrap()).hex()));
        let mut bytes = fs::read(&blob).unwrap();
        bytes[9] ^= 1;
        fs::write(&blob, bytes).unwrap();
        let error = store.export(&name("a"), &out, |_| ()).await.unwrap_err();
        assert!(matches!(error, Error::Damage { .. }), "{error}");
        let error =
            store.export(&name("a"), &folder.path().join("none"), |_| ()).await.unwrap_err();
        assert!(matches!(error, Error::Output { .. }), "{error}");
    });
    assert_eq!(files(&out), Vec::<String>::new());
}

#[test]
fn names_that_travel_have_no_colons() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    let store = Store::new(FsIo::portable(&root), Real(Instant::now()));
    let file = model_file(folder.path(), "a.gguf", "one");
    block_on(store.import_path(&name("h:1/me/a"), &file, Placing::Copy)).unwrap();
    assert!(root.join("manifests/h%3A1/me/a/latest").exists());
    assert_eq!(block_on(store.list()).unwrap().models[0].name, name("h:1/me/a"));
}

#[test]
fn two_writers_exclude_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    let threads: Vec<_> = (0..8)
        .map(|i| {
            let root = root.clone();
            std::thread::spawn(move || {
                let store = open(&root);
                let name = name(&format!("m{}", i % 2));
                for round in 0..12 {
                    let bytes = format!("{i} {round}");
                    let digest = block_on(store.put_bytes(bytes.as_bytes())).unwrap();
                    let config = store::Layer::new(media::CONFIG, digest, bytes.len() as u64);
                    let manifest = store::Manifest::new(config, vec![]).unwrap();
                    block_on(store.commit(&name, &manifest)).unwrap();
                    let _ = block_on(store.prune(Ages::default())).unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let store = open(&root);
    assert_eq!(block_on(store.list()).unwrap().models.len(), 2);
    assert!(block_on(store.verify(None, |_| ())).unwrap().is_good());
}

/// What Ollama writes, with what lies around in real folders.
#[test]
fn a_store_made_by_ollama_opens() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let write = |path: &str, bytes: &[u8]| {
        let place = root.join(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, bytes).unwrap();
    };
    let blob = |bytes: &[u8]| {
        write(&format!("blobs/sha256-{}", Digest::of(bytes).hex()), bytes);
        format!("\"digest\":\"{}\",\"size\":{}", Digest::of(bytes), bytes.len())
    };
    let config = concat!(
        r#"{"model_format":"gguf","model_family":"llama","model_families":null,"#,
        r#""model_type":"1.2B","file_type":"Q4_K_M","architecture":"amd64","os":"linux","#,
        r#""rootfs":{"type":"layers","diff_ids":[]}}"#,
    );
    let manifest = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"{}\",\"config\":{{\"mediaType\":\"{}\",{}}},\
         \"layers\":[{{\"mediaType\":\"{}\",{},\"from\":\"x/blobs/sha256-1\"}},\
         {{\"mediaType\":\"{}\",{}}}]}}\n",
        media::MANIFEST,
        media::CONFIG,
        blob(config.as_bytes()),
        media::MODEL,
        blob(b"GGUF weights"),
        media::TEMPLATE,
        blob(b"{{ .Prompt }}"),
    );
    write("manifests/registry.ollama.ai/library/llama3.2/1b", manifest.as_bytes());
    write("manifests/.DS_Store", b"x");
    write("manifests/registry.ollama.ai/library/llama3.2/.DS_Store", b"x");
    let hex = "a".repeat(64);
    write(&format!("blobs/sha256-{hex}-partial"), b"half");
    write(&format!("blobs/sha256-{hex}-partial-0"), b"{\"N\":0}");
    write("blobs/notes.txt", b"mine");
    let store = open(root);
    block_on(async {
        let listing = store.list().await.unwrap();
        assert_eq!((listing.models.len(), listing.skipped.len()), (1, 0));
        let model = &listing.models[0];
        assert_eq!(model.name.short(), "llama3.2:1b");
        assert_eq!(model.manifest.digest(), Digest::of(manifest.as_bytes()));
        assert!(store.verify(None, |_| ()).await.unwrap().is_good());
        let pruned = store.prune(Ages::default()).await.unwrap();
        assert_eq!((pruned.blobs.len(), pruned.n_rests, pruned.n_young), (0, 0, 2));
        let pruned = store.prune(Ages { grace_ms: 0, part_ms: 0 }).await.unwrap();
        assert_eq!((pruned.blobs.len(), pruned.n_rests), (0, 2));
        #[cfg(unix)]
        {
            // A manifest behind a link names its blobs too.
            let real = root.join("elsewhere");
            let tag = root.join("manifests/registry.ollama.ai/library/llama3.2/1b");
            fs::rename(&tag, &real).unwrap();
            std::os::unix::fs::symlink(&real, &tag).unwrap();
            let pruned = store.prune(Ages { grace_ms: 0, part_ms: 0 }).await.unwrap();
            assert_eq!((pruned.blobs.len(), pruned.blocked), (0, None));
        }
        // The copy is the same bytes: the same model for Ollama too.
        store.copy(&model.name, &name("copy")).await.unwrap();
    });
    let copy = fs::read(root.join("manifests/registry.ollama.ai/library/copy/latest")).unwrap();
    assert_eq!(copy, manifest.as_bytes());
    assert!(root.join("blobs/notes.txt").exists());
}

#[test]
fn an_upload_that_is_dropped_leaves_nothing() {
    struct Silent(bool);
    impl store::Body for Silent {
        async fn next(&mut self) -> Option<Result<Vec<u8>, store::FetchError>> {
            match std::mem::replace(&mut self.0, true) {
                false => Some(Ok(vec![1; 1000])),
                true => std::future::pending().await,
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let upload = Box::pin(store.put_body(Silent(false), None, None));
    let waker = std::task::Waker::noop();
    let mut upload = upload;
    let polled = upload.as_mut().poll(&mut std::task::Context::from_waker(waker));
    assert!(polled.is_pending());
    assert_eq!(files(folder.path()).len(), 1);
    drop(upload);
    assert_eq!(files(folder.path()), Vec::<String>::new());
}
