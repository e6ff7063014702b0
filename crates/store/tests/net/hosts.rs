//! What hosts of plain files do and do not do: versions, digests, lengths, headers that a browser
//! hides; and headers of models, read before anything is downloaded.

use store::{Digest, Error, MemoryIo, RegistryAccess, Request, Wish, media};

use crate::address::{URL, gguf_file, pull, serve};
use crate::lab::{Answer, Lab, answer, assert_whole, name};

/// As [`serve`], without what other hosts' pages see.
fn hidden(request: &Request, bytes: &[u8]) -> Option<Answer> {
    let mut reply = serve(request, bytes, "\"v\"")?;
    reply.headers.retain(|(name, _)| *name == "Content-Length");
    if reply.status == 206 {
        reply.headers.push(("Content-Length", reply.body.len().to_string()));
    }
    Some(reply)
}

fn digest_of(lab: &Lab, io: &MemoryIo, model: &str) -> (Digest, u64) {
    let model = lab.clock.run(lab.client(io).store().get(&name(model))).unwrap();
    let layer = model.manifest.layers_of(media::MODEL).next().unwrap();
    (layer.digest, layer.size)
}

#[test]
fn a_version_that_is_here_is_not_fetched_again() {
    let (lab, io) = (Lab::new(), MemoryIo::default());
    let bytes = gguf_file(9000, 1, None);
    lab.script(move |request| serve(request, &bytes, "\"v1\""));
    pull(&lab, &io, URL, None).unwrap();
    let n = lab.log.borrow().len();
    pull(&lab, &io, URL, None).unwrap();
    assert_eq!(lab.log.borrow().len(), n + 1, "one look");
    let other = gguf_file(9000, 2, None);
    let want = Digest::of(&other);
    lab.script(move |request| serve(request, &other, "\"v2\""));
    pull(&lab, &io, URL, None).unwrap();
    assert_eq!(digest_of(&lab, &io, "my-model").0, want);
    assert_whole(&lab.clock, &io);
}

#[test]
fn a_digest_that_was_asked_for_is_the_one_that_comes() {
    let bytes = gguf_file(9000, 1, None);
    let right = Digest::of(&bytes);
    for (want, is_good) in [(right, true), (Digest::of(b"x"), false)] {
        let (lab, io) = (Lab::new(), MemoryIo::default());
        let bytes = bytes.clone();
        lab.script(move |request| serve(request, &bytes, ""));
        let wish = Wish { name: None, digest: Some(want) };
        let client = lab.client(&io);
        let got = lab.clock.run(client.pull_url(URL, &wish, RegistryAccess::default(), |_| ()));
        match is_good {
            true => assert_eq!(digest_of(&lab, &io, "my-model").0, right),
            false => {
                assert!(matches!(got, Err(Error::Mismatch { .. })), "{got:?}");
                assert_eq!(io.used(), 0, "{:?}", io.dump());
            }
        }
    }
}

#[test]
fn hosts_that_say_less_are_fetched_whole() {
    let bytes = gguf_file(9000, 1, None);
    let (want, len) = (Digest::of(&bytes), bytes.len() as u64);
    type Host = Box<dyn Fn(&Request, &[u8]) -> Option<Answer>>;
    let rows: Vec<(&str, Host)> = vec![
        (
            "no ranges",
            Box::new(|_, bytes| {
                answer(200, &[("Content-Length", &bytes.len().to_string())], bytes)
            }),
        ),
        ("hidden ranges", Box::new(hidden)),
        ("no length", Box::new(|_, bytes| answer(200, &[], bytes))),
        (
            "coded",
            Box::new(|_, bytes| {
                answer(200, &[("Content-Length", "7"), ("Content-Encoding", "br")], bytes)
            }),
        ),
    ];
    for (what, host) in rows {
        let (lab, io) = (Lab::new(), MemoryIo::default());
        let bytes = bytes.clone();
        lab.script(move |request| host(request, &bytes));
        pull(&lab, &io, URL, None).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(digest_of(&lab, &io, "my-model"), (want, len), "{what}");
        assert_whole(&lab.clock, &io);
    }
}

#[test]
fn parts_that_are_compressed_are_refused() {
    let (lab, io) = (Lab::new(), MemoryIo::default());
    let bytes = gguf_file(9000, 1, None);
    lab.script(move |request| {
        let mut reply = serve(request, &bytes, "\"v\"")?;
        reply.headers.push(("Content-Encoding", "gzip".into()));
        Some(reply)
    });
    let error = pull(&lab, &io, URL, None).unwrap_err();
    assert!(matches!(error, Error::Protocol { .. }), "{error}");
    assert_eq!(io.used(), 0);
}

/// A header of more than one round, and tensor data behind it that nobody needs.
fn long_header() -> Vec<u8> {
    let mut metadata = gguf::Metadata::new();
    metadata.insert("general.architecture", "llama");
    metadata.insert("general.name", "n".repeat(3 << 20));
    let mut bytes = gguf::Writer::new(metadata).start(Vec::new()).unwrap().finish().unwrap();
    bytes.resize(bytes.len() + (8 << 20), 0);
    bytes
}

#[test]
fn a_header_is_read_without_the_rest() {
    let bytes = long_header();
    let len = bytes.len() as u64;
    type Host = Box<dyn Fn(&Request, &[u8]) -> Option<Answer>>;
    let rows: Vec<(&str, Host, u64)> = vec![
        ("ranges", Box::new(|request, bytes| serve(request, bytes, "\"v\"")), 5 << 20),
        ("hidden", Box::new(hidden), u64::MAX),
        (
            "whole",
            Box::new(|_, bytes| {
                answer(200, &[("Content-Length", &bytes.len().to_string())], bytes)
            }),
            u64::MAX,
        ),
    ];
    for (what, host, most) in rows {
        let (lab, io) = (Lab::new(), MemoryIo::default());
        let bytes = bytes.clone();
        let sent = std::rc::Rc::new(std::cell::Cell::new(0));
        let count = sent.clone();
        lab.script(move |request| {
            let reply = host(request, &bytes)?;
            count.set(count.get() + reply.body.len() as u64);
            Some(reply)
        });
        let client = lab.client(&io);
        let open = |sources| {
            let refuse =
                |error: gguf::Error| Error::Gguf { what: "it".into(), reason: error.to_string() };
            gguf::Gguf::open_split(sources).map_err(refuse)
        };
        let read = lab.clock.run(client.header_at(URL, RegistryAccess::default(), open));
        let (gguf, size) = read.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(gguf.metadata.str("general.name").unwrap().unwrap().len(), 3 << 20);
        assert_eq!(size, len, "{what}");
        assert!(sent.get() <= most, "{what}: {} bytes", sent.get());
        assert_eq!(io.used(), 0);
    }
}

#[test]
fn use_is_remembered_for_models_that_are_here() {
    let (lab, io) = (Lab::new(), MemoryIo::default());
    let bytes = gguf_file(9000, 1, None);
    lab.script(move |request| serve(request, &bytes, "\"v1\""));
    for model in ["a", "b"] {
        pull(&lab, &io, URL, Some(&name(model))).unwrap();
    }
    let client = lab.client(&io);
    let store = client.store();
    lab.clock.run(async {
        assert!(store.used().await.is_empty());
        store.mark_used(&name("a")).await.unwrap();
        store.remove(&name("a")).await.unwrap();
        store.mark_used(&name("b")).await.unwrap();
        let used: Vec<String> = store.used().await.into_keys().collect();
        assert_eq!(used, ["b:latest"]);
    });
}
