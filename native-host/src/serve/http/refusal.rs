//! Answers to what never became a request: bytes that are no HTTP, heads that are too large or too
//! slow. In the router's form, so that a client reads one kind of error only.

use api::http::Response;
use chrono::Utc;
use serde_json::json;

use super::limits::{MAX_HEAD_BYTES, MAX_HEADERS};

/// Headers of the router's answers, which those here have too.
const HEADERS: [(&str, &str); 4] = [
    ("content-type", api::http::JSON),
    ("x-content-type-options", "nosniff"),
    ("cache-control", "no-store"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// The whole answer for a status of hyper's own, or 408.
pub fn answer(status: u16) -> Vec<u8> {
    let (reason, message) = match status {
        408 => (
            "Request Timeout",
            "the request's first line and headers did not come in time; send it again".to_owned(),
        ),
        414 => ("URI Too Long", "the address is too long".to_owned()),
        431 => (
            "Request Header Fields Too Large",
            format!(
                "the request's headers are larger than {} KiB or more than {MAX_HEADERS}; send \
                 fewer or shorter ones",
                MAX_HEAD_BYTES >> 10
            ),
        ),
        _ => (
            "Bad Request",
            "the request cannot be read as HTTP/1.1 (its first line, a header or a length is \
             malformed); send it again with an HTTP client"
                .to_owned(),
        ),
    };
    let body = json!({ "error": message }).to_string();
    let headers: String =
        HEADERS.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let date = Utc::now().format("%a, %d %b %Y %H:%M:%S GMT");
    format!(
        "HTTP/1.1 {status} {reason}\r\n{headers}content-length: {}\r\nconnection: close\r\n\
         date: {date}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The answer to a request whose body has two lengths.
pub fn ambiguous() -> Response {
    let message = "the request gives the length of its body twice (Content-Length and \
        Transfer-Encoding), so its end is not known; send one of them";
    let mut response = Response::json(400, &json!({ "error": message }));
    for (name, value) in HEADERS {
        response.headers.set(name, value);
    }
    response
}

/// The status in the first bytes of an answer.
pub fn status_of(head: &[u8]) -> Option<u16> {
    let line = head.strip_prefix(b"HTTP/1.")?;
    std::str::from_utf8(line.get(2..5)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_have_the_length_they_say() {
        for status in [400, 408, 414, 431] {
            let text = String::from_utf8(answer(status)).unwrap_or_default();
            let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
            assert_eq!(status_of(head.as_bytes()), Some(status));
            assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head}");
            let value: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
            assert!(value["error"].as_str().is_some_and(|said| said.len() > 20), "{body}");
        }
        assert_eq!(status_of(b"GET /"), None);
        assert_eq!(status_of(b"HTTP/1.1 4"), None);
    }
}
