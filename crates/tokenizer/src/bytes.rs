//! GPT-2's spelling of bytes as printable characters, and `<0xHH>`.
//!
//! Byte-level vocabularies are stored as text: printable Latin-1 characters stand for themselves,
//! the other 68 bytes for the code points from U+0100 on (so the space is `Ġ`). Everything in this
//! crate works on the bytes themselves; the spelling ends here.

/// Whether a byte stands for itself in the spelling.
const fn is_itself(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff)
}

/// The bytes that do not stand for themselves, ascending: the byte of U+0100 + index.
static SHIFTED: [u8; 68] = {
    let (mut table, mut n, mut byte) = ([0; 68], 0, 0);
    while byte < 256 {
        if !is_itself(byte as u8) {
            table[n] = byte as u8;
            n += 1;
        }
        byte += 1;
    }
    table
};

/// The byte a character stands for, if it stands for one.
fn byte_of(c: char) -> Option<u8> {
    match u8::try_from(c as u32) {
        Ok(byte) => is_itself(byte).then_some(byte),
        Err(_) => SHIFTED.get((c as usize).checked_sub(0x100)?).copied(),
    }
}

/// Appends the bytes that a token's text spells; `false` (and nothing appended) if it spells none.
///
/// Reads UTF-8 by hand: no character of the spelling has more than two bytes, and this runs over
/// every token and every merge at load.
pub(crate) fn unspell(text: &[u8], out: &mut Vec<u8>) -> bool {
    let before = out.len();
    let mut rest = text;
    loop {
        rest = match rest {
            [] => return true,
            [byte @ b'!'..=b'~', after @ ..] => {
                out.push(*byte);
                after
            }
            [first @ 0xc2..=0xdf, second @ 0x80..=0xbf, after @ ..] => {
                let point = u32::from(first & 0x1f) << 6 | u32::from(second & 0x3f);
                let Some(byte) = char::from_u32(point).and_then(byte_of) else {
                    break;
                };
                out.push(byte);
                after
            }
            _ => break,
        };
    }
    out.truncate(before);
    false
}

/// The byte that `<0xHH>` names.
pub(crate) fn parse_byte(text: &[u8]) -> Option<u8> {
    let hex = text.strip_prefix(b"<0x")?.strip_suffix(b">")?;
    let digits =
        std::str::from_utf8(hex).ok().filter(|hex| hex.len() == 2 && !hex.contains('+'))?;
    u8::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn all_bytes_have_one_spelling() {
        let mut seen = [false; 256];
        for c in (0..0x144).filter_map(char::from_u32) {
            if let Some(byte) = byte_of(c) {
                assert!(!std::mem::replace(&mut seen[byte as usize], true), "{byte}");
            }
        }
        assert!(seen.iter().all(|seen| *seen));
        assert_eq!(byte_of('Ġ'), Some(b' '));
        assert_eq!(byte_of('Ċ'), Some(b'\n'));
        assert_eq!(byte_of('ł'), Some(0xa0));
        assert_eq!(byte_of('\u{144}'), None);
        assert_eq!(byte_of(' '), None);
    }

    #[test]
    fn only_texts_of_the_spelling_are_unspelled() {
        let mut out = b"x".to_vec();
        assert!(unspell("Ġhé~Ċ".as_bytes(), &mut out));
        assert_eq!(out, b"x h\xe9~\n");
        for bad in ["a b", "ŕ", "漢", "a\u{7f}", "\u{ad}"] {
            assert!(!unspell(bad.as_bytes(), &mut out), "{bad}");
        }
        for bad in [[b'a', 0xc4], [0xc4, b'a'], [0xc0, 0x80], [0xff, 0x80]] {
            assert!(!unspell(&bad, &mut out), "{bad:?}");
        }
        assert_eq!(out, b"x h\xe9~\n");
    }

    #[test]
    fn byte_tokens_are_two_hex_digits() {
        assert_eq!(parse_byte(b"<0x0A>"), Some(10));
        for bad in ["<0xA>", "<0x0A", "<0x+A>", "0x0A", "<0xGG>", "<0x00A>", ""] {
            assert_eq!(parse_byte(bad.as_bytes()), None, "{bad}");
        }
    }
}
