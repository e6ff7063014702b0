//! Models from plain addresses: names, versions that change, pages instead of files, parts.

use std::cell::Cell;
use std::rc::Rc;

use store::{Error, Loss, MemoryIo, Name, RegistryAccess, Request, Wish, media};

use crate::lab::{Answer, End, Lab, answer, assert_whole, killed_after, name, weights};

const URL: &str = "https://files.example/a/my-model.gguf";

/// A small model file with some weights in it.
fn gguf_file(n: usize, seed: u64, split: Option<(u16, u16)>) -> Vec<u8> {
    let mut metadata = gguf::Metadata::new();
    metadata.insert("general.architecture", "llama");
    metadata.insert(
        "general.name",
        weights(n, seed).iter().map(|b| (b'a' + b % 26) as char).collect::<String>(),
    );
    if let Some((no, count)) = split {
        metadata.insert("split.no", no);
        metadata.insert("split.count", count);
    }
    gguf::Writer::new(metadata).start(Vec::new()).unwrap().finish().unwrap()
}

/// What a file server says for these bytes.
fn serve(request: &Request, bytes: &[u8], etag: &str) -> Option<Answer> {
    let range = request.headers.get("range").and_then(|range| {
        let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
        Some((first.parse::<usize>().ok()?, last.parse::<usize>().ok()?))
    });
    let is_same = request.headers.get("if-range").is_none_or(|known| known == etag);
    match range.filter(|_| is_same) {
        Some((first, last)) => {
            let shown = format!("bytes {first}-{last}/{}", bytes.len());
            answer(206, &[("Content-Range", &shown), ("ETag", etag)], &bytes[first..=last])
        }
        None => {
            let length = bytes.len().to_string();
            answer(200, &[("Content-Length", &length), ("ETag", etag)], bytes)
        }
    }
}

fn pull(lab: &Lab, io: &MemoryIo, url: &str, to: Option<&Name>) -> Result<Name, Error> {
    let client = lab.client(io);
    let wish = Wish { name: to.cloned(), digest: None };
    lab.clock.run(client.pull_url(url, &wish, RegistryAccess::default(), |_| ()))
}

#[test]
fn a_file_becomes_a_model() {
    let (lab, io) = (Lab::new(), MemoryIo::default());
    let file = gguf_file(9000, 1, None);
    let bytes = file.clone();
    lab.script(move |request| serve(request, &bytes, "\"v1\""));
    assert_eq!(pull(&lab, &io, URL, None).unwrap().to_string(), "my-model:latest");
    let store = lab.client(&io);
    let model = lab.clock.run(store.store().get(&name("my-model"))).unwrap();
    let layer = model.manifest.layers_of(media::MODEL).next().unwrap();
    assert_eq!((layer.digest, layer.size), (store::Digest::of(&file), file.len() as u64));
    assert_eq!(pull(&lab, &io, URL, Some(&name("x:y"))).unwrap().to_string(), "x:y");
    assert_whole(&lab.clock, &io);
    let conditions =
        lab.log.borrow().iter().filter(|r| r.headers.get("if-range").is_some()).count();
    assert!(conditions > 2);
}

#[test]
fn all_files_of_a_split_model_are_fetched() {
    let (lab, io) = (Lab::new(), MemoryIo::default());
    lab.script(|request| {
        let first = request.url.path() == "/m-00001-of-00002.gguf";
        let no = if first { 0 } else { 1 };
        serve(request, &gguf_file(2000, no.into(), Some((no, 2))), "\"v\"")
    });
    pull(&lab, &io, "https://files.example/m-00002-of-00002.gguf", None).unwrap();
    let model = lab.clock.run(lab.client(&io).store().get(&name("m"))).unwrap();
    assert_eq!(model.manifest.layers_of(media::MODEL).count(), 2);
}

#[test]
fn a_file_that_changes_is_never_put_together() {
    let (lab, io) = (Lab::new(), MemoryIo::default());
    let version = Rc::new(Cell::new(1));
    let now = version.clone();
    lab.script(move |request| {
        let v = now.get();
        serve(request, &gguf_file(9000, v, None), &format!("\"v{v}\""))
    });
    // In the middle of a download.
    let client = lab.client(&io);
    let (access, any) = (RegistryAccess::default, Wish::default());
    let killed = lab.clock.run(killed_after(14, client.pull_url(URL, &any, access(), |_| ())));
    assert!(killed.is_none());
    io.restart(Loss::Nothing);
    version.set(2);
    pull(&lab, &io, URL, None).unwrap();
    assert_whole(&lab.clock, &io);
    let model = lab.clock.run(lab.client(&io).store().get(&name("my-model"))).unwrap();
    let layer = model.manifest.layers_of(media::MODEL).next().unwrap();
    assert_eq!(layer.digest, store::Digest::of(&gguf_file(9000, 2, None)));
    // Between two requests of one download.
    let mut n = 0;
    lab.script(move |request| {
        n += 1;
        let v = if n < 3 { 3 } else { 4 };
        serve(request, &gguf_file(9000, v, None), &format!("\"v{v}\""))
    });
    let error = pull(&lab, &io, URL, None).unwrap_err();
    assert!(matches!(error, Error::Changed { .. }), "{error}");
    pull(&lab, &io, URL, None).unwrap();
    assert_whole(&lab.clock, &io);
}

#[test]
fn what_is_no_model_file_is_refused_before_it_is_downloaded() {
    let good = gguf_file(100, 1, None);
    let rows: Vec<(&str, Option<Answer>, &str)> = vec![
        ("a page", answer(200, &[("Content-Length", "900")], b"<!doctype html>"), "of a page"),
        ("no size in range", answer(206, &[("Content-Range", "bytes 0-3/*")], b"GGUF"), "unknown"),
        ("another range", answer(206, &[("Content-Range", "bytes 5-8/9")], b"GGUF"), "another"),
        ("nothing", answer(200, &[("Content-Length", "0")], b""), "GGUF"),
        ("not there", answer(404, &[], b""), "does not exist"),
        ("an error", answer(500, &[], b"x"), "answered 500"),
        (
            "silence",
            answer(200, &[("Content-Length", "9")], b"GG").and_then(|a| a.ending(End::Silence)),
            "nothing came",
        ),
        (
            "much too large",
            answer(206, &[("Content-Range", "bytes 0-3/99999999999999999")], b"GGUF"),
            "disk space",
        ),
    ];
    for (what, reply, wanted) in rows {
        let (lab, io) = (Lab::new(), MemoryIo::default());
        let mut reply = reply;
        lab.script(move |_| reply.take());
        let error = pull(&lab, &io, URL, None).unwrap_err().to_string();
        assert!(error.contains(wanted), "{what}: {error}");
        assert_eq!(lab.log.borrow().len(), 1, "{what}");
    }
}

#[test]
fn a_file_that_only_begins_like_a_model_leaves_no_name() {
    let (lab, io) = (Lab::new(), MemoryIo::default());
    lab.script(|request| serve(request, b"GGUF and then something else", "\"v\""));
    let error = pull(&lab, &io, URL, None).unwrap_err();
    assert!(matches!(error, Error::Gguf { .. }), "{error}");
    assert_eq!(lab.clock.run(lab.client(&io).store().list()).unwrap().models, []);
}

#[test]
fn addresses_that_are_not_fetched() {
    let (lab, io) = (Lab::new(), MemoryIo::default());
    let long = format!("https://x.example/{}", "a".repeat(10_000));
    for url in [
        "http://files.example/a.gguf",
        "ftp://files.example/a.gguf",
        "file:///etc/passwd",
        "https://u:p@files.example/a.gguf",
        "https://files.example/",
        "a.gguf",
        &long,
    ] {
        let error = pull(&lab, &io, url, None).unwrap_err();
        assert!(matches!(error, Error::Name { .. } | Error::Unsafe { .. }), "{url}: {error}");
    }
    assert!(lab.log.borrow().is_empty());
}
