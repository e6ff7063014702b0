//! A whole server without models: its page, its registry, its start and its end.

#![allow(clippy::unwrap_used, reason = "tests")]

mod host;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use store::{Digest, FsIo, ManualClock, Store};

use super::address::HostAddress;
use super::*;
use host::Nothing;

/// What the environment says where it says nothing, on a free port.
fn settings() -> Settings {
    let address = HostAddress::parse("127.0.0.1:0").unwrap();
    let args = ServeArgs { host: Some(address), ..ServeArgs::default() };
    args.over(Settings::bare())
}

/// Starts a server with no models; `models` is its registry's store.
fn start(settings: Settings, models: &Path) -> Result<Running, ServeError> {
    let models = models.to_owned();
    spawn::<Nothing>(settings, async move |_: &Settings| {
        let mirror = mirror(Store::new(FsIo::new(models), ManualClock::default()));
        Ok(Parts { library: Nothing, backend: Nothing, env: Nothing, mirror })
    })
}

/// One request: its answer's head in lower case, and its body.
fn ask(address: SocketAddr, method: &str, path: &str, headers: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let host = if headers.contains("host:") { "" } else { "host: localhost\r\n" };
    let text = format!("{method} {path} HTTP/1.1\r\n{host}connection: close\r\n{headers}\r\n");
    stream.write_all(text.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let body = bytes.split_off(end + 4);
    (String::from_utf8(bytes).unwrap().to_lowercase(), body)
}

const BROWSER: &str = "accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";

fn page_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("index.html"), "<!doctype html>page").unwrap();
    fs::create_dir(folder.path().join("assets")).unwrap();
    // Larger than one piece of a body.
    fs::write(folder.path().join("assets/a.wasm"), vec![7; 700_000]).unwrap();
    fs::write(folder.path().join("assets/a.js"), "js").unwrap();
    folder
}

#[test]
fn browsers_get_the_page_and_programs_the_word() {
    let (page, models) = (page_folder(), tempfile::tempdir().unwrap());
    let folder = Some(page.path().to_owned());
    let token = Some("secret".to_owned());
    let server = start(Settings { page: folder, token, ..settings() }, models.path()).unwrap();
    let key = "authorization: Bearer secret\r\n";
    for (method, path, headers, status, contained, wanted) in [
        ("GET", "/", BROWSER, "200", "text/html", "<!doctype html>page"),
        ("HEAD", "/", BROWSER, "200", "content-length: 19", ""),
        ("GET", "/", key, "200", "text/plain", "Ollama is running"),
        ("HEAD", "/", key, "200", "text/plain", ""),
        ("GET", "/", "", "401", "application/json", ""),
        ("GET", "/index.html", "", "200", "embedder-policy: require-corp", "<!doctype html>page"),
        ("GET", "/assets/a.js?v=1", "", "200", "text/javascript", "js"),
        ("GET", "/assets/a.js", "host: evil.example\r\n", "403", "json", ""),
        ("GET", "/assets/a%2ejs", "", "200", "text/javascript", "js"),
        ("GET", "/assets/../index.html", key, "404", "application/json", "{\"error\""),
        ("GET", "/assets/%2e%2e/index.html", key, "404", "application/json", "{\"error\""),
        ("GET", "/assets", key, "404", "application/json", "{\"error\""),
        ("POST", "/index.html", key, "404", "application/json", "{\"error\""),
        ("GET", "/api/version", key, "200", "application/json", "{\"version\""),
        ("GET", "/v2/", key, "404", "application/json", "{\"error\""),
    ] {
        let (head, body) = ask(server.address(), method, path, headers);
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{method} {path}: {head}");
        assert!(head.contains(contained), "{method} {path}: {head}");
        assert!(String::from_utf8_lossy(&body).starts_with(wanted), "{method} {path}: {body:?}");
        assert!(method != "HEAD" || body.is_empty(), "{path}: {body:?}");
    }
    let (head, body) = ask(server.address(), "GET", "/assets/a.wasm", "");
    assert!(head.contains("content-type: application/wasm\r\n"), "{head}");
    assert_eq!(body, vec![7; 700_000]);
}

#[test]
fn the_registry_answers_from_the_store() {
    let models = tempfile::tempdir().unwrap();
    let blob: Vec<u8> = (0..600_000_u32).map(|i| i as u8).collect();
    let digest = Digest::of(&blob);
    let layer = |kind: &str| {
        format!("{{\"mediaType\":\"{kind}\",\"digest\":\"{digest}\",\"size\":{}}}", blob.len())
    };
    let manifest = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"{}\",\"config\":{},\"layers\":[{}]}}",
        store::media::MANIFEST,
        layer("application/vnd.docker.container.image.v1+json"),
        layer("application/vnd.ollama.image.model")
    );
    let place = models.path().join("manifests/registry.ollama.ai/library/m");
    fs::create_dir_all(&place).unwrap();
    fs::create_dir(models.path().join("blobs")).unwrap();
    fs::write(place.join("latest"), &manifest).unwrap();
    fs::write(models.path().join(format!("blobs/sha256-{}", digest.hex())), &blob).unwrap();
    let server = start(Settings { registry: true, ..settings() }, models.path()).unwrap();
    let get = |path: &str, headers: &str| ask(server.address(), "GET", path, headers);
    assert_eq!(get("/v2/", "").1, b"{}");
    assert_eq!(get("/v2/library/m/manifests/latest", "").1, manifest.as_bytes());
    let path = format!("/v2/library/m/blobs/{digest}");
    assert_eq!(get(&path, "").1, blob);
    let (head, body) = get(&path, "range: bytes=300000-300009\r\n");
    assert!(head.starts_with("http/1.1 206 ") && head.contains("content-length: 10\r\n"), "{head}");
    assert_eq!(body, blob[300_000..300_010]);
    let (head, body) = ask(server.address(), "HEAD", &path, "");
    assert!(head.contains("content-length: 600000\r\n") && body.is_empty(), "{head}");
    for (method, path, headers, status) in [
        ("GET", "/v2/library/other/manifests/latest", "", "404"),
        ("PUT", "/v2/library/m/manifests/latest", "", "405"),
        ("GET", "/v2/../../etc/passwd", "", "404"),
        ("GET", "/v2/", "host: evil.example\r\n", "403"),
        ("GET", "/v2/", "origin: https://evil.example\r\n", "403"),
        ("GET", "/v22/", "", "404"),
    ] {
        let (head, _) = ask(server.address(), method, path, headers);
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{method} {path}: {head}");
    }
}

#[test]
fn a_start_that_fails_says_why() {
    let models = tempfile::tempdir().unwrap();
    let server = start(settings(), models.path()).unwrap();
    let said = |settings: Settings| start(settings, models.path()).err().unwrap().to_string();
    let taken = HostAddress::parse(&server.address().to_string()).unwrap();
    let wanted = format!("{taken} is in use: ");
    assert!(said(Settings { address: taken, ..settings() }).starts_with(&wanted));
    let address = HostAddress::parse("203.0.113.1:0").unwrap();
    assert!(said(Settings { address: address.clone(), ..settings() }).starts_with("refusing to"));
    let foreign = said(Settings { address, is_open: true, ..settings() });
    assert!(foreign.starts_with("cannot listen on 203.0.113.1:0 ("), "{foreign}");
    let page = Some(models.path().to_owned());
    assert!(said(Settings { page, ..settings() }).contains("holds no index.html"));
    let page = Some(models.path().join("none"));
    assert!(said(Settings { page, ..settings() }).contains("cannot be read"));
    let failed = spawn::<Nothing>(settings(), async |_: &Settings| Err("no store".to_owned()));
    assert_eq!(failed.err().unwrap().to_string(), "no store");
}

#[test]
fn dropping_a_server_ends_it_though_a_client_is_idle() {
    let models = tempfile::tempdir().unwrap();
    let end = || {
        let server = start(settings(), models.path()).unwrap();
        let address = server.address();
        let idle = TcpStream::connect(address).unwrap();
        let begun = Instant::now();
        drop(server);
        let took = begun.elapsed();
        assert!(TcpStream::connect(address).is_err());
        drop(idle);
        took
    };
    // A wait of the server's own would be in each of them; a busy machine's is not.
    let least = (0..3).map(|_| end()).min().unwrap();
    assert!(least < Duration::from_secs(3), "{least:?}");
}
