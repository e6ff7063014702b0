//! The server answers real requests over loopback; paths and ranges are tables.

use std::{env, process};

use super::*;

fn site(name: &str) -> Result<Site> {
    let page = env::temp_dir().join(format!("ingle-serve-{name}-{}", process::id()));
    fs::create_dir_all(page.join("assets"))?;
    fs::write(page.join("index.html"), "<p>page</p>")?;
    fs::write(page.join("assets/a.wasm"), "0123456789")?;
    fs::create_dir_all(page.join("models"))?;
    fs::write(page.join("models/demo.gguf"), "DEMO")?;
    let model = page.with_extension("model one.gguf");
    fs::write(&model, "GGUF")?;
    Ok(Site { page, model: Some(model) })
}

fn remove(site: &Site) -> Result<()> {
    if let Some(model) = &site.model {
        fs::remove_file(model)?;
    }
    Ok(fs::remove_dir_all(&site.page)?)
}

fn request(addr: SocketAddr, head: &str) -> Result<String> {
    let mut stream = TcpStream::connect(addr)?;
    let host = if head.contains("Host:") { String::new() } else { format!("Host: {addr}\r\n") };
    stream.write_all(format!("{head}\r\n{host}Connection: close\r\n\r\n").as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

#[test]
fn pages_ranges_and_refusals() -> Result<()> {
    let site = site("http")?;
    let addr = start(site.clone(), 0)?.addr;
    let name = site.model.as_ref().and_then(|m| m.file_name()?.to_str()).context("name")?;
    let model = format!("GET /models/{} HTTP/1.1", encode(name));
    let table = [
        ("GET / HTTP/1.1", vec!["HTTP/1.1 200", "text/html", "<p>page</p>"]),
        ("GET /?model=x HTTP/1.1", vec!["HTTP/1.1 200", "<p>page</p>"]),
        (
            "GET /assets/a.wasm HTTP/1.1\r\nRange: bytes=2-4",
            vec!["HTTP/1.1 206", "application/wasm", "bytes 2-4/10", "Content-Length: 3", "234"],
        ),
        ("GET /assets/a.wasm HTTP/1.1\r\nRange: bytes=10-", vec!["HTTP/1.1 416"]),
        ("HEAD /assets/a.wasm HTTP/1.1", vec!["HTTP/1.1 200", "Content-Length: 10"]),
        ("POST / HTTP/1.1", vec!["HTTP/1.1 405"]),
        ("GET /../Cargo.toml HTTP/1.1", vec!["HTTP/1.1 404"]),
        ("GET /%2e%2e/Cargo.toml HTTP/1.1", vec!["HTTP/1.1 404"]),
        ("GET /models/other.gguf HTTP/1.1", vec!["HTTP/1.1 404"]),
        ("GET /models/demo.gguf HTTP/1.1", vec!["HTTP/1.1 200", "DEMO"]),
        ("GET / HTTP/1.1\r\nHost: example.org", vec!["HTTP/1.1 403"]),
        (model.as_str(), vec!["HTTP/1.1 200", "octet-stream", "GGUF"]),
    ];
    for (head, wanted) in table {
        let text = request(addr, head)?;
        for part in wanted {
            assert!(text.contains(part), "{head}: no '{part}' in\n{text}");
        }
    }
    remove(&site)
}

#[test]
fn ranges() {
    let table = [
        ("bytes=0-", Some((0, 10))),
        ("bytes=0-0", Some((0, 1))),
        ("bytes=3-99", Some((3, 10))),
        ("bytes=-4", Some((6, 10))),
        ("bytes=-99", Some((0, 10))),
        ("bytes=-0", None),
        ("bytes=10-", None),
        ("bytes=5-4", None),
        ("bytes=0-1,3-4", None),
        ("lines=0-1", None),
    ];
    for (text, wanted) in table {
        assert_eq!(parse_range(text, 10), wanted, "{text}");
    }
}

#[test]
fn names_survive_encoding() {
    for name in ["a.gguf", "my model (1)+&?.gguf", "größe.gguf", "%41"] {
        assert_eq!(decode(&encode(name)).as_deref(), Some(name));
    }
    assert_eq!(decode("%4"), None);
    assert_eq!(decode("%zz"), None);
}
