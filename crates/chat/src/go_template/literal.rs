//! Constants as Go writes them: numbers and the escapes in strings.

use super::lex::Token;

/// A number constant: an integer, unless it has a point or an exponent. Complex numbers and
/// hexadecimal floats, which no chat template has, are not read.
pub(crate) fn number(text: &str) -> Option<Token> {
    let (negative, digits) = match text.strip_prefix(['+', '-']) {
        Some(digits) => (text.starts_with('-'), digits),
        None => (false, text),
    };
    let lower = digits.replace('_', "").to_ascii_lowercase();
    let (radix, body) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, lower.get(2..)?),
        [b'0', b'o', ..] => (8, lower.get(2..)?),
        [b'0', b'b', ..] => (2, lower.get(2..)?),
        [b'0', b'0'..=b'9', ..] if !lower.contains(['.', 'e']) => (8, lower.get(1..)?),
        _ => (10, lower.as_str()),
    };
    if radix == 10 && body.contains(['.', 'e']) {
        let starts = |c: char| c.is_ascii_digit() || c == '.';
        let value: f64 = body.starts_with(starts).then(|| body.parse().ok())??;
        return Some(Token::Float(if negative { -value } else { value }));
    }
    if !body.starts_with(|c: char| c.is_digit(radix)) {
        return None;
    }
    let signed = if negative { format!("-{body}") } else { body.to_owned() };
    i64::from_str_radix(&signed, radix).ok().map(Token::Int)
}

/// The inside of a Go string with its escapes resolved; `None` for an escape Go does not have.
pub(crate) fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let kind = escape.chars().next()?;
        rest = escape.get(kind.len_utf8()..)?;
        let (radix, n) = match kind {
            'x' => (16, 2),
            'u' => (16, 4),
            'U' => (16, 8),
            '0'..='7' => (8, 3),
            _ => {
                bytes.push(match kind {
                    'a' => 7,
                    'b' => 8,
                    'f' => 12,
                    'n' => b'\n',
                    'r' => b'\r',
                    't' => b'\t',
                    'v' => 11,
                    '\\' | '"' | '\'' => u8::try_from(kind).ok()?,
                    _ => return None,
                });
                continue;
            }
        };
        let digits = if radix == 8 { escape } else { rest };
        let code = u32::from_str_radix(digits.get(..n)?, radix).ok()?;
        rest = digits.get(n..)?;
        match kind {
            'u' | 'U' => bytes.extend(char::from_u32(code)?.to_string().into_bytes()),
            _ => bytes.push(u8::try_from(code).ok()?),
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    // Strings here are text: bytes that are no text become U+FFFD, as they would when printed.
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
