//! What registries may send: the table of bad input, each an error of its kind in one sentence,
//! after which nothing partial is visible and the next pull succeeds.

use store::{Digest, Error, MemoryIo, Method, RegistryAccess, Request, media};

use crate::lab::{Answer, End, Lab, answer, assert_whole, name, weights};

const SIZE: usize = 9_000;

/// Builds a manifest of this config and these layers.
fn manifest(config: &str, layers: &str) -> Vec<u8> {
    format!("{{\"schemaVersion\":2,\"mediaType\":\"x\",\"config\":{config},\"layers\":[{layers}]}}")
        .into_bytes()
}

fn layer(digest: &str, size: &str) -> String {
    format!("{{\"mediaType\":\"{}\",\"digest\":\"{digest}\",\"size\":{size}}}", media::MODEL)
}

type Script = Box<dyn FnMut(&Request) -> Option<Answer>>;

fn for_manifest(mut script: impl FnMut(&Request) -> Option<Answer> + 'static) -> Script {
    Box::new(move |request| match request.url.path().contains("/manifests/") {
        true => script(request),
        false => None,
    })
}

fn for_blobs(mut script: impl FnMut(&Request) -> Option<Answer> + 'static) -> Script {
    Box::new(move |request| match request.url.path().contains("/blobs/") {
        true => script(request),
        false => None,
    })
}

fn redirect(to: &'static str) -> Script {
    for_blobs(move |_| answer(307, &[("Location", to)], b""))
}

/// One row: what it is, the script, the kind of error, words of its text.
struct Row(&'static str, Script, fn(&Error) -> bool, &'static str);

fn is_manifest(error: &Error) -> bool {
    matches!(error, Error::Manifest { .. })
}

fn is_protocol(error: &Error) -> bool {
    matches!(error, Error::Protocol { .. })
}

fn is_unsafe(error: &Error) -> bool {
    matches!(error, Error::Unsafe { .. })
}

fn is_network(error: &Error) -> bool {
    matches!(error, Error::Network { .. })
}

fn manifests() -> Vec<Row> {
    let good = layer(&Digest::of(b"x").to_string(), "1");
    let raw = |config: &str, layers: &str| {
        let raw = manifest(config, layers);
        for_manifest(move |_| answer(200, &[], &raw))
    };
    let hex63 = format!("sha256:{}", "a".repeat(63));
    let many = vec![good.as_str(); 1_000_000 / 200].join(",");
    let endless = for_manifest(|_| answer(200, &[], &[b' '; 65_536])?.ending(End::Endless));
    let silent = for_manifest(|_| answer(200, &[], b"{")?.ending(End::Silence));
    let sized = |size| raw(&good, &layer(&Digest::of(b"y").to_string(), size));
    let other = good.replace(media::MODEL, "application/vnd.oci.image.layer.v1.tar");
    vec![
        Row("R01 a digest that is a path", raw(&layer("../x", "1"), &good), is_manifest, "digest"),
        Row("R01 63 digits", raw(&good, &layer(&hex63, "1")), is_manifest, "digest"),
        Row("R01 another sum", raw(&good, &layer("sha512:aa", "1")), is_manifest, "digest"),
        Row("R02 too many layers", raw(&good, &many), is_manifest, "layers"),
        Row("R03 a negative size", sized("-1"), is_manifest, "invalid value"),
        Row("R03 a size of 2^63", sized("9223372036854775808"), is_manifest, "at most"),
        Row("R03 a size that is no integer", sized("1.5"), is_manifest, "invalid type"),
        Row(
            "R05 config and layer disagree",
            raw(&good, &good.replace(":1}", ":2}")),
            is_manifest,
            "different sizes",
        ),
        Row("R06 nothing of a model", raw(&good, &other), is_manifest, "something else"),
        Row("R07 endless", endless, is_protocol, "more than the 4194304 bytes"),
        Row("R07 silent", silent, is_network, "nothing came for 60 s"),
        Row(
            "R08 larger than it may be",
            for_manifest(|_| answer(200, &[("Content-Length", "99999999999")], b"{}")),
            is_protocol,
            "more than",
        ),
        Row(
            "cut JSON",
            for_manifest(|_| answer(200, &[], b"{\"schemaVersion\":2,")),
            is_manifest,
            "EOF",
        ),
        Row("a page", for_manifest(|_| answer(200, &[], b"<html>")), is_manifest, "expected value"),
        Row(
            "no such model",
            for_manifest(|_| answer(404, &[], b"")),
            |error| matches!(error, Error::NotAtRegistry { .. }),
            "file does not exist",
        ),
        Row(
            "an error of the registry's",
            for_manifest(|_| {
                answer(
                    400,
                    &[],
                    b"{\"errors\":[{\"code\":\"A\",\"message\":\"sharded\\u001b[2J\"}]}",
                )
            }),
            |error| matches!(error, Error::Status { status: 400, .. }),
            "sharded\\u{1b}",
        ),
    ]
}

fn addresses() -> Vec<Row> {
    let mut hops = 0;
    vec![
        Row("R09 to http", redirect("http://cdn.example/x"), is_unsafe, "not encrypted"),
        Row("R09 to loopback", redirect("https://127.0.0.1/x"), is_unsafe, "private network"),
        Row(
            "R09 to the cloud's secrets",
            redirect("https://169.254.169.254/latest"),
            is_unsafe,
            "private network",
        ),
        Row("R09 to localhost", redirect("https://localhost:1/x"), is_unsafe, "private network"),
        Row("R09 to a file", redirect("file:///etc/passwd"), is_unsafe, "not encrypted"),
        Row("R09 nowhere", for_blobs(|_| answer(307, &[], b"")), is_protocol, "nowhere"),
        Row(
            "R09 in circles",
            for_blobs(move |_| {
                hops += 1;
                answer(307, &[("Location", &format!("/v2/x/blobs/{hops}"))], b"")
            }),
            is_unsafe,
            "more than 5 times",
        ),
        Row(
            "R11 a realm elsewhere",
            for_blobs(|_| {
                let challenge = "Bearer realm=\"https://evil.example/t\",service=\"x\"";
                answer(401, &[("WWW-Authenticate", challenge)], b"")
            }),
            is_unsafe,
            "evil.example",
        ),
        Row(
            "R11 a challenge of another kind",
            for_blobs(|_| answer(401, &[("WWW-Authenticate", "Negotiate")], b"")),
            |error| matches!(error, Error::Auth { .. }),
            "not known here",
        ),
    ]
}

fn bodies() -> Vec<Row> {
    let range = |value: &'static str| {
        for_blobs(move |r| {
            r.headers.get("range")?;
            answer(206, &[("Content-Range", value)], &[b'x'; 4000])
        })
    };
    let wrong = for_blobs(|request| match request.headers.get("range") {
        Some("bytes=0-3999") => {
            answer(206, &[("Content-Range", "bytes 0-3999/9000")], &[b'x'; 4000])
        }
        _ => None,
    });
    vec![
        Row(
            "R04 a longer file",
            for_blobs(|_| answer(200, &[("Content-Length", "9001")], b"")),
            is_protocol,
            "9001 bytes where one of 9000",
        ),
        Row(
            "R04 a shorter file",
            for_blobs(|_| answer(200, &[("Content-Length", "8999")], b"")),
            is_protocol,
            "8999 bytes",
        ),
        Row(
            "an endless file",
            for_blobs(|_| answer(200, &[], &[b'x'; 5000])?.ending(End::Endless)),
            is_protocol,
            "9000 bytes",
        ),
        Row("R12 another range", range("bytes 1-4000/9000"), is_protocol, "it answers with"),
        Row("R12 another size", range("bytes 0-3999/9999"), is_protocol, "it answers with"),
        Row("R12 a range past the end", range("bytes 0-9000/9001"), is_protocol, "answers with"),
        Row("R12 no range", range(""), is_protocol, "it answers with"),
        Row("R12 a range that goes on", range("bytes 0-2000/9000"), is_protocol, "answers with"),
        Row("416", for_blobs(|_| answer(416, &[], b"")), is_protocol, "no byte"),
        Row(
            "R13 silence at the end",
            for_blobs(|r| {
                r.headers.get("range").filter(|r| r.starts_with("bytes=8000"))?;
                answer(206, &[("Content-Range", "bytes 8000-8999/9000")], b"")?.ending(End::Silence)
            }),
            is_network,
            "nothing came for 30 s",
        ),
        Row(
            "R13 cut before every byte",
            for_blobs(|_| answer(200, &[], b"")?.ending(End::Cut)),
            is_network,
            "reset by peer",
        ),
        Row(
            "R16 the right length, wrong bytes",
            wrong,
            |error| matches!(error, Error::Mismatch { .. }),
            "must be downloaded again",
        ),
        Row(
            "a blob that is gone",
            for_blobs(|_| answer(404, &[], b"")),
            |error| matches!(error, Error::Status { status: 404, .. }),
            "answered 404",
        ),
    ]
}

#[test]
fn bad_input_is_an_error_and_the_next_pull_succeeds() {
    for Row(what, script, is_kind, words) in
        manifests().into_iter().chain(addresses()).chain(bodies())
    {
        let (lab, io) = (Lab::new(), MemoryIo::default());
        lab.publish("m", &weights(SIZE, 1));
        *lab.script.borrow_mut() = script;
        let client = lab.client(&io);
        let model = name("m");
        let access = RegistryAccess::default;
        let error = lab.clock.run(client.pull(&model, access(), |_| ())).unwrap_err();
        assert!(is_kind(&error), "{what}: {error:?}");
        let text = error.to_string();
        assert!(text.contains(words), "{what}: {text:?} lacks {words:?}");
        assert!(text.len() < 700 && !text.chars().any(char::is_control), "{what}: {text:?}");
        assert_whole(&lab.clock, &io);
        assert_eq!(lab.clock.run(client.store().list()).unwrap().models, [], "{what}");
        lab.script(|_| None);
        lab.clock.run(client.pull(&model, access(), |_| ())).unwrap();
        assert_whole(&lab.clock, &io);
    }
}

#[test]
fn a_config_that_is_also_a_layer_is_verified_like_any_other() {
    let (lab, io) = (Lab::new(), MemoryIo::default());
    let digest = lab.clock.run(lab.registry.put_bytes(b"both")).unwrap();
    let both = layer(&digest.to_string(), "4");
    let raw = manifest(&both, &both);
    *lab.script.borrow_mut() = for_manifest(move |_| answer(200, &[], &raw));
    let client = lab.client(&io);
    lab.clock.run(client.pull(&name("m"), RegistryAccess::default(), |_| ())).unwrap();
    assert_eq!(lab.sent.get(), 4);
    let raw = manifest(&both, &both);
    *lab.script.borrow_mut() = Box::new(move |request| match request.method {
        Method::Get if request.url.path().contains("/manifests/") => answer(200, &[], &raw),
        _ => answer(200, &[], b"evil"),
    });
    let io = MemoryIo::default();
    let client = lab.client(&io);
    let error = lab.clock.run(client.pull(&name("m"), RegistryAccess::default(), |_| ()));
    assert!(matches!(error, Err(Error::Mismatch { .. })), "{error:?}");
    let blobs = io.dump().into_iter().filter(|(path, _)| path.starts_with("blobs/")).count();
    assert_eq!(blobs, 0);
}

#[test]
fn a_garbled_record_costs_a_new_download_and_no_more() {
    let (lab, io) = (Lab::new(), MemoryIo::default());
    let bytes = weights(SIZE, 2);
    let manifest = lab.publish("m", &bytes);
    let key = store::PartKey::Blob(Digest::of(&bytes));
    for path in [store::StorePath::journal(&key), store::StorePath::part(&key)] {
        let file = lab.clock.run(store::BlobIo::open(&io, &path, store::Access::Write)).unwrap();
        store::BlobFile::write_at(&file, 0, &weights(20_000, 3)).unwrap();
    }
    let client = lab.client(&io);
    lab.clock.run(client.pull(&name("m"), RegistryAccess::default(), |_| ())).unwrap();
    assert_eq!(lab.sent.get(), manifest.size());
    assert_whole(&lab.clock, &io);
}

#[test]
fn a_host_that_is_no_address_is_a_name_that_is_refused() {
    let (lab, io) = (Lab::new(), MemoryIo::default());
    let client = lab.client(&io);
    for host in ["a:b:c", "h:99999", "h:x"] {
        let name = name(&format!("{host}/n/m"));
        let error = lab.clock.run(client.pull(&name, RegistryAccess::default(), |_| ()));
        assert!(matches!(error, Err(Error::Name { .. })), "{host}: {error:?}");
    }
    assert!(lab.log.borrow().is_empty());
}
