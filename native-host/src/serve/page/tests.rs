//! Answers of a page that is packed into the program, and of a program without one.

#![allow(clippy::expect_used, reason = "tests")]

use api::http::{Body, Headers, Method, Request, Response};
use miniz_oxide::deflate::compress_to_vec;

use super::Page;

const SCRIPT: &[u8] = b"export const many = 'words words words words words words words';";
const HTML: &[u8] = b"<!doctype html><html><HEAD><title>t</title></head></html>";

/// A gzip file; its check sum is for others to look at.
fn gzip(content: &[u8]) -> &'static [u8] {
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    bytes.extend(compress_to_vec(content, 9));
    bytes.extend(0xfeed_beef_u32.to_le_bytes());
    bytes.extend((content.len() as u32).to_le_bytes());
    bytes.leak()
}

fn page() -> Page {
    let damaged = gzip(SCRIPT).strip_prefix(&[0x1f]).unwrap_or_default();
    Page::of_table(&[
        ("/assets/a.js", gzip(SCRIPT)),
        ("/damaged.js", damaged),
        ("/index.html", gzip(HTML)),
        ("/short.js", &[0x1f, 0x8b, 8, 0]),
    ])
}

fn ask(page: &Page, method: Method, path: &str, headers: &[(&str, &str)]) -> Option<Response> {
    let headers = Headers::of(headers.iter().copied());
    let request = Request {
        method,
        path: path.to_owned(),
        query: String::new(),
        headers,
        body: Body::empty(),
    };
    pollster::block_on(page.answer(&request))
}

fn bytes(response: Response) -> Vec<u8> {
    pollster::block_on(response.body.collect(1 << 20)).unwrap_or_default()
}

#[test]
fn browsers_get_what_was_packed_and_others_its_content() {
    let page = page();
    let rows: [(&[(&str, &str)], bool); 7] = [
        (&[("accept-encoding", "gzip, deflate")], true),
        (&[("accept-encoding", "br;q=1.0, GZIP;q=0.5")], true),
        (&[("accept-encoding", "deflate"), ("accept-encoding", "gzip")], true),
        (&[("accept-encoding", "br")], false),
        (&[("accept-encoding", "gzip;q=0")], false),
        (&[("accept-encoding", "gzip;q=x")], false),
        (&[], false),
    ];
    for (headers, is_packed) in rows {
        let answer = ask(&page, Method::Get, "/assets/a.js", headers).expect("it is there");
        let length = answer.headers.get("content-length").map(str::to_owned);
        assert_eq!(answer.headers.get("content-encoding"), is_packed.then_some("gzip"));
        assert_eq!(answer.headers.get("vary"), Some("Accept, Accept-Encoding"));
        let body = bytes(answer);
        assert_eq!(body, if is_packed { gzip(SCRIPT) } else { SCRIPT }, "{headers:?}");
        assert_eq!(length, Some(body.len().to_string()));
    }
}

#[test]
fn a_copy_that_is_there_is_not_sent_again() {
    let page = page();
    for (path, tag) in [("/assets/a.js", Some("W/\"feedbeef-40\"")), ("/index.html", None)] {
        let whole = ask(&page, Method::Get, path, &[]).expect("it is there");
        let own = whole.headers.get("etag").expect("it has a tag").to_owned();
        assert_eq!(tag.unwrap_or(&own), own);
        for (sent, status) in [
            (own.as_str(), 304),
            (own.trim_start_matches("W/"), 304),
            (&format!("\"other\", {own}"), 304),
            ("*", 304),
            ("\"other\"", 200),
        ] {
            let answer = ask(&page, Method::Get, path, &[("if-none-match", sent)]);
            let answer = answer.expect("it is there");
            assert_eq!((answer.status, sent), (status, sent));
            assert_eq!(answer.headers.get("etag"), Some(own.as_str()));
            assert_eq!(bytes(answer).is_empty(), status == 304);
        }
    }
}

#[test]
fn the_page_says_who_sent_it_and_may_have_threads() {
    let answer = ask(&page(), Method::Get, "/", &[("accept", "text/html,*/*")]);
    let answer = answer.expect("browsers get it");
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("content-security-policy", "frame-ancestors 'none'"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-embedder-policy", "require-corp"),
        ("cache-control", "no-cache"),
    ] {
        assert_eq!(answer.headers.get(name), Some(value), "{name}");
    }
    let mark = concat!("content=\"", env!("CARGO_PKG_VERSION"), "\">");
    let want = format!(
        "<!doctype html><html><HEAD>\n<meta name=\"ingle-server\" {mark}<title>t</title></head>\
         </html>"
    );
    assert_eq!(String::from_utf8_lossy(&bytes(answer)), want);
    let head = ask(&page(), Method::Head, "/index.html", &[]).expect("it is there");
    assert_eq!(head.headers.get("content-length"), Some(want.len().to_string().as_str()));
    assert!(bytes(head).is_empty());
}

#[test]
fn nothing_else_is_the_pages() {
    let page = page();
    for (method, path, accept) in [
        (Method::Get, "/", "*/*"),
        (Method::Get, "/damaged.js", "*/*"),
        (Method::Get, "/short.js", "*/*"),
        (Method::Get, "/assets", "*/*"),
        (Method::Get, "/api/version", "text/html"),
        (Method::Post, "/", "text/html"),
    ] {
        let answer = ask(&page, method, path, &[("accept", accept)]);
        assert!(answer.is_none(), "{method:?} {path}");
    }
}

#[test]
fn a_program_without_a_page_says_how_to_get_one() {
    let page = Page::of_table(&[]);
    let answer = ask(&page, Method::Get, "/", &[("accept", "text/html")]).expect("a sentence");
    let text = String::from_utf8_lossy(&bytes(answer)).into_owned();
    assert!(text.contains("cargo xtask start") && text.contains("--page DIR"), "{text}");
    assert!(ask(&page, Method::Get, "/", &[("accept", "*/*")]).is_none());
    assert!(ask(&page, Method::Get, "/index.html", &[]).is_none());
}

#[test]
fn the_demo_model_is_beside_a_page_of_the_program() {
    let page = Page::of_program();
    let Some(got) = ask(&page, Method::Get, "/models/demo.gguf", &[]) else {
        // Built without a page, the program has no place for a page's model either.
        assert!(ask(&page, Method::Get, "/index.html", &[]).is_none());
        return;
    };
    let etag = got.headers.get("etag").map(str::to_owned).unwrap_or_default();
    assert_eq!(got.headers.get("content-encoding"), None);
    let len: usize = got.headers.get("content-length").unwrap_or_default().parse().unwrap_or(0);
    let content = pollster::block_on(got.body.collect(16 << 20)).unwrap_or_default();
    assert_eq!((content.len(), content.starts_with(b"GGUF")), (len, true));
    let again = ask(&page, Method::Get, "/models/demo.gguf", &[("if-none-match", &etag)]);
    assert_eq!(again.map(|response| response.status), Some(304));
}
