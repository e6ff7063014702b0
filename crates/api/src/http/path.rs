//! Paths: percent-decoding that refuses what no route can mean.

use percent_encoding::percent_decode_str;

/// The decoded path; `None` if an escape is malformed, the result is no text, or it holds control
/// characters (no route and no model name has any).
pub(crate) fn decode(path: &str) -> Option<String> {
    let is_escape = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !path.split('%').skip(1).all(is_escape) {
        return None;
    }
    let text = percent_decode_str(path).decode_utf8().ok()?;
    (text.starts_with('/') && !text.chars().any(char::is_control)).then(|| text.into_owned())
}

/// The parts between slashes, without the empty one before the first.
pub(crate) fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.strip_prefix('/').unwrap_or(path).split('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_decoded_or_refused() {
        let cases = [
            ("/", Some("/")),
            ("/api/tags", Some("/api/tags")),
            ("/v1/models/a%3Ab", Some("/v1/models/a:b")),
            ("/%E2%82%AC", Some("/€")),
            ("", None),
            ("api", None),
            ("/%", None),
            ("/%4", None),
            ("/%zz", None),
            ("/a%00", None),
            ("/a%0a", None),
            ("/%ff", None),
        ];
        for (path, want) in cases {
            assert_eq!(decode(path).as_deref(), want, "{path}");
        }
    }
}
