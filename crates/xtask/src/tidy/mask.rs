//! Rust text with comments and strings blanked out, so that plain searches are right.
//!
//! The blanks are spaces of the same length: byte positions and line numbers stay what they were.
//! Two forms are kept, because some names live in strings (`cfg(target_arch = "wasm32")`) and
//! others only matter outside of them (`std::fs`).

/// A Rust file as the checks see it.
#[derive(Debug)]
pub struct Masked {
    /// Without comments.
    pub no_comments: String,
    /// Without comments and without what strings and characters contain; the quotes stay.
    pub code: String,
}

/// A function and where it stands, in lines counted from 1.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    pub first: usize,
    pub last: usize,
}

impl Masked {
    pub fn new(text: &str) -> Masked {
        let mut scan = Scan {
            bytes: text.as_bytes(),
            at: 0,
            no_comments: Vec::with_capacity(text.len()),
            code: Vec::with_capacity(text.len()),
        };
        scan.all();
        Masked {
            no_comments: String::from_utf8_lossy(&scan.no_comments).into_owned(),
            code: String::from_utf8_lossy(&scan.code).into_owned(),
        }
    }

    /// True if the file says `#[cfg(test)] mod NAME;`.
    pub fn declares_test_module(&self, name: &str) -> bool {
        let declaration = format!("mod {name};");
        self.code.match_indices("#[cfg(test)]").any(|(at, attribute)| {
            self.code[at + attribute.len()..].trim_start().starts_with(&declaration)
        })
    }

    /// The code with everything under `#[cfg(test)]` blanked as well.
    pub fn without_tests(&self) -> String {
        let mut bytes = self.code.clone().into_bytes();
        for (at, attribute) in self.code.match_indices("#[cfg(test)]") {
            let item = at + attribute.len();
            let end = item_end(&self.code, item).unwrap_or(self.code.len());
            for byte in &mut bytes[at..end] {
                if *byte != b'\n' {
                    *byte = b' ';
                }
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// All functions with a body.
    pub fn functions(&self) -> Vec<Function> {
        let mut functions = Vec::new();
        for (at, word) in words(&self.code) {
            if word != "fn" {
                continue;
            }
            let rest = &self.code[at + 2..];
            let name: String = rest
                .trim_start()
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            let is_pointer_type = name.is_empty();
            let Some(end) = item_end(&self.code, at) else {
                continue;
            };
            if is_pointer_type || !self.code[..end].ends_with('}') {
                continue;
            }
            let (first, last) = (line_of(&self.code, at), line_of(&self.code, end - 1));
            functions.push(Function { name, first, last });
        }
        functions
    }
}

/// The line of a byte position, counted from 1.
pub fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count()
}

/// Words (identifiers) with their byte positions.
pub fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    code.split(move |c| !is_word(c))
        .filter(|word| !word.is_empty())
        .map(move |word| (word.as_ptr() as usize - code.as_ptr() as usize, word))
}

/// Where the item that starts at `from` ends: behind its `;` or behind its closing brace.
fn item_end(code: &str, from: usize) -> Option<usize> {
    let mut depth = 0usize;
    let mut braces = 0usize;
    for (at, byte) in code.bytes().enumerate().skip(from) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            b'{' => braces += 1,
            b'}' if braces <= 1 => return (braces == 1).then_some(at + 1),
            b'}' => braces -= 1,
            b';' if depth == 0 && braces == 0 => return Some(at + 1),
            _ => {}
        }
    }
    None
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    no_comments: Vec<u8>,
    code: Vec<u8>,
}

impl Scan<'_> {
    fn all(&mut self) {
        while let Some(&byte) = self.bytes.get(self.at) {
            let rest = &self.bytes[self.at..];
            if rest.starts_with(b"//") {
                let len = rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
                self.comment(len);
            } else if rest.starts_with(b"/*") {
                self.comment(block_comment_len(rest));
            } else if let Some(hashes) = self.raw_string_hashes() {
                self.raw_string(hashes);
            } else if byte == b'"' {
                self.string(string_len(rest));
            } else if let Some(len) = (byte == b'\'').then(|| char_len(rest)).flatten() {
                self.string(len);
            } else {
                self.keep(1);
            }
        }
    }

    /// `r"`, `r#"`, `br##"`, `cr"` … at a word's start: how many hashes.
    fn raw_string_hashes(&self) -> Option<usize> {
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let before = self.at.checked_sub(1).and_then(|at| self.bytes.get(at));
        if self.bytes.get(self.at) != Some(&b'r') {
            return None;
        }
        let after_prefix = before.is_some_and(|b| {
            (*b == b'b' || *b == b'c') && {
                let earlier = self.at.checked_sub(2).and_then(|at| self.bytes.get(at));
                !earlier.is_some_and(is_word)
            }
        });
        if before.is_some_and(is_word) && !after_prefix {
            return None;
        }
        let rest = &self.bytes[self.at + 1..];
        let hashes = rest.iter().take_while(|&&byte| byte == b'#').count();
        (rest.get(hashes) == Some(&b'"')).then_some(hashes)
    }

    fn raw_string(&mut self, hashes: usize) {
        self.keep(1 + hashes);
        let mut close = vec![b'"'];
        close.resize(1 + hashes, b'#');
        let body = &self.bytes[self.at + 1..];
        let end = body.windows(close.len()).position(|window| window == close);
        self.string(end.map_or(body.len() + 1, |end| end + 1 + close.len()));
    }

    fn keep(&mut self, len: usize) {
        let piece = &self.bytes[self.at..(self.at + len).min(self.bytes.len())];
        self.no_comments.extend_from_slice(piece);
        self.code.extend_from_slice(piece);
        self.at += piece.len();
    }

    fn comment(&mut self, len: usize) {
        let piece = &self.bytes[self.at..self.at + len];
        self.no_comments.extend(piece.iter().map(blank));
        self.code.extend(piece.iter().map(blank));
        self.at += len;
    }

    /// A literal of `len` bytes, quotes included.
    fn string(&mut self, len: usize) {
        let piece = &self.bytes[self.at..(self.at + len).min(self.bytes.len())];
        self.no_comments.extend_from_slice(piece);
        let last = piece.len().saturating_sub(1);
        let edge = |i: usize| i == 0 || i == last;
        self.code.extend(
            piece.iter().enumerate().map(|(i, byte)| if edge(i) { *byte } else { blank(byte) }),
        );
        self.at += piece.len();
    }
}

fn blank(byte: &u8) -> u8 {
    if *byte == b'\n' { b'\n' } else { b' ' }
}

fn block_comment_len(rest: &[u8]) -> usize {
    let mut depth = 0usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

fn string_len(rest: &[u8]) -> usize {
    let mut at = 1;
    while let Some(&byte) = rest.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Length of a character literal at `'`, or `None` for a lifetime.
fn char_len(rest: &[u8]) -> Option<usize> {
    const ESCAPE_BYTES_MAX: usize = 12; // '\u{10FFFF}'
    if rest.get(1) == Some(&b'\\') {
        let close = rest.iter().skip(3).take(ESCAPE_BYTES_MAX).position(|&byte| byte == b'\'');
        return close.map(|close| close + 4);
    }
    let text = std::str::from_utf8(rest.get(1..rest.len().min(5))?)
        .unwrap_or_else(|error| std::str::from_utf8(&rest[1..=error.valid_up_to()]).unwrap_or(""));
    let len = text.chars().next()?.len_utf8();
    (rest.get(1 + len) == Some(&b'\'')).then_some(len + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        let code = Masked::new(text).code;
        assert_eq!(code.len(), text.len(), "positions must stay");
        code
    }

    #[test]
    fn comments_and_strings_are_blanked() {
        assert_eq!(code("a // std::fs\nb").trim_end(), "a           \nb");
        assert_eq!(code("a /* x /* y */ z */ b"), "a                   b");
        assert_eq!(code(r#"f("std::fs \" x")"#), r#"f("            ")"#);
        assert_eq!(code(r##"r#"a"b"# c"##), r##"r#"    # c"##);
        assert_eq!(code("'a' '\"' '\\'' '\\u{41}' &'a str"), "' ' ' ' '  ' '      ' &'a str");
        assert_eq!(code("'ä' x"), "'  ' x");
    }

    #[test]
    fn functions_have_their_lines() {
        let text = "fn a() {\n  let f: fn(u8) = b;\n}\n\ntrait T { fn c(&self); }\n\
                    fn d<const N: usize>(x: [u8; 4]) -> bool\nwhere\n{\n  \"}\"; true\n}\n";
        let functions = Masked::new(text).functions();
        let shown: Vec<_> = functions.iter().map(|f| (f.name.as_str(), f.first, f.last)).collect();
        assert_eq!(shown, [("a", 1, 3), ("d", 6, 10)]);
    }

    #[test]
    fn test_modules_are_cut() {
        let masked = Masked::new(
            "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() { x.unwrap() }\n}\nfn c() {}",
        );
        let code = masked.without_tests();
        assert!(!code.contains("unwrap"));
        assert!(code.contains("fn a") && code.contains("fn c"));
        assert!(Masked::new("#[cfg(test)]\nmod cases;").declares_test_module("cases"));
    }
}
