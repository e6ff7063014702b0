//! Text to tokens, as Go's `text/template` cuts it.
//!
//! Spaces are tokens: `.A .B` are two operands and `.A.B` is one. Trim markers are resolved here,
//! so that the parser never sees them: `{{- ` removes white space before it, ` -}}` after it.

use super::literal::{number, unescape};
use crate::error::Error;

/// A token of a template.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// Text outside of actions, trimmed; never empty.
    Outside(String),
    /// `{{`
    Left,
    /// `}}`
    Right,
    Space,
    Pipe,
    Declare,
    Assign,
    Comma,
    OpenParen,
    CloseParen,
    Dot,
    /// `.Name`, without the dot.
    Field(String),
    /// `$name`, with the dollar sign.
    Variable(String),
    /// A keyword, a function, `true`, `false` or `nil`.
    Word(String),
    Text(String),
    Int(i64),
    Float(f64),
}

/// A token and its line, from 1.
pub(crate) type Located = (Token, usize);

const OPEN: &str = "{{";
const CLOSE: &str = "}}";

/// White space of Go's templates.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// An error of syntax at a line.
pub(crate) fn syntax(line: usize, detail: impl Into<String>) -> Error {
    Error::GoSyntax { line, detail: detail.into() }
}

/// All tokens of a template.
///
/// # Errors
/// [`Error::GoSyntax`].
pub(crate) fn tokens(source: &str) -> Result<Vec<Located>, Error> {
    let mut lexer = Lexer { rest: source, line: 1, out: Vec::new() };
    let mut trim_start = false;
    loop {
        let (text, action) = match lexer.rest.split_once(OPEN) {
            None => (lexer.rest, None),
            Some((text, action)) => (text, Some(action)),
        };
        let marked = action.and_then(|a| a.strip_prefix('-')).filter(|a| a.starts_with(is_space));
        let trim_end = marked.is_some();
        let mut shown = text;
        if trim_start {
            shown = shown.trim_start_matches(is_space);
        }
        if trim_end {
            shown = shown.trim_end_matches(is_space);
        }
        if !shown.is_empty() {
            lexer.out.push((Token::Outside(shown.to_owned()), lexer.line));
        }
        lexer.line += newlines(text);
        let Some(action) = action else {
            return Ok(lexer.out);
        };
        lexer.rest = marked.unwrap_or(action);
        trim_start = lexer.action(trim_end)?;
    }
}

fn newlines(text: &str) -> usize {
    text.bytes().filter(|b| *b == b'\n').count()
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
    out: Vec<Located>,
}

impl<'a> Lexer<'a> {
    fn push(&mut self, token: Token) {
        self.out.push((token, self.line));
    }

    /// Moves behind `n` bytes and returns them.
    fn take(&mut self, n: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(n).unwrap_or((self.rest, ""));
        self.line += newlines(taken);
        self.rest = rest;
        taken
    }

    fn fail<T>(&self, detail: impl Into<String>) -> Result<T, Error> {
        Err(syntax(self.line, detail))
    }

    /// The end of the action here, trimming or not, as its length in bytes.
    fn at_close(&self) -> Option<(usize, bool)> {
        if self.rest.starts_with(CLOSE) {
            return Some((CLOSE.len(), false));
        }
        let after = self.rest.strip_prefix(is_space)?.strip_prefix('-')?;
        after.starts_with(CLOSE).then_some((2 + CLOSE.len(), true))
    }

    /// One action, from behind its `{{` to behind its `}}`; whether text after it is trimmed.
    fn action(&mut self, trimmed: bool) -> Result<bool, Error> {
        // A comment stands alone in its action, right after the delimiter: `{{/*` or `{{- /*`.
        let gap = usize::from(trimmed);
        if self.rest.get(gap..).is_some_and(|inner| inner.starts_with("/*")) {
            return self.comment(gap);
        }
        self.push(Token::Left);
        let mut depth = 0usize;
        loop {
            if let Some((n, trim)) = self.at_close() {
                if depth > 0 {
                    return self.fail("unclosed left paren");
                }
                self.push(Token::Right);
                self.take(n);
                return Ok(trim);
            }
            let Some(c) = self.rest.chars().next() else {
                return self.fail("unclosed action");
            };
            match c {
                '(' => depth += 1,
                ')' if depth == 0 => return self.fail("unexpected right paren"),
                ')' => depth -= 1,
                _ => {}
            }
            self.token(c)?;
        }
    }

    fn comment(&mut self, gap: usize) -> Result<bool, Error> {
        self.take(gap);
        let Some(end) = self.rest.find("*/") else {
            return self.fail("unclosed comment");
        };
        self.take(end + 2);
        match self.at_close() {
            Some((n, trim)) => {
                self.take(n);
                Ok(trim)
            }
            None => self.fail("comment ends before closing delimiter"),
        }
    }

    fn token(&mut self, c: char) -> Result<(), Error> {
        let second = self.rest.chars().nth(1);
        match c {
            _ if is_space(c) => {
                // A space that belongs to ` -}}` is left for it.
                while self.rest.starts_with(is_space) && self.at_close().is_none() {
                    self.take(1);
                }
                self.push(Token::Space);
            }
            '|' => self.one(Token::Pipe),
            ',' => self.one(Token::Comma),
            '(' => self.one(Token::OpenParen),
            ')' => self.one(Token::CloseParen),
            '=' => self.one(Token::Assign),
            ':' if second == Some('=') => {
                self.push(Token::Declare);
                self.take(2);
            }
            ':' => return self.fail("expected :="),
            '"' => self.quoted()?,
            '`' => self.raw()?,
            '\'' => self.character()?,
            '$' => {
                let name = self.name(1)?;
                self.push(Token::Variable(name.to_owned()));
            }
            '.' if !second.is_some_and(|c| c.is_ascii_digit()) => self.field()?,
            '+' | '-' | '.' | '0'..='9' => self.number()?,
            c if is_word(c) => {
                let name = self.name(0)?;
                self.push(Token::Word(name.to_owned()));
            }
            c => return self.fail(format!("unexpected {c:?} in an action")),
        }
        Ok(())
    }

    fn one(&mut self, token: Token) {
        self.push(token);
        self.take(1);
    }

    /// A word after `skip` bytes, which must end at a separator.
    fn name(&mut self, skip: usize) -> Result<&'a str, Error> {
        let tail = self.rest.get(skip..).unwrap_or_default();
        let n = tail.find(|c| !is_word(c)).unwrap_or(tail.len());
        let name = self.take(skip + n);
        let next = self.rest.chars().next();
        let ends = next.is_none_or(|c| is_space(c) || ".,|:()=".contains(c));
        match next {
            Some(c) if !ends && self.at_close().is_none() => {
                self.fail(format!("bad character {c:?} after {name:?}"))
            }
            _ => Ok(name),
        }
    }

    fn field(&mut self) -> Result<(), Error> {
        let name = self.name(1)?;
        let name = name.strip_prefix('.').unwrap_or(name);
        self.push(if name.is_empty() { Token::Dot } else { Token::Field(name.to_owned()) });
        Ok(())
    }

    fn quoted(&mut self) -> Result<(), Error> {
        let mut end = None;
        let mut escaped = false;
        for (i, c) in self.rest.char_indices().skip(1) {
            match c {
                '\n' => break,
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => {
                    end = Some(i);
                    break;
                }
                _ => {}
            }
        }
        let Some(end) = end else {
            return self.fail("unterminated quoted string");
        };
        let text = unescape(self.rest.get(1..end).unwrap_or_default());
        let Some(text) = text else {
            return self.fail("unknown escape sequence in a string");
        };
        self.push(Token::Text(text));
        self.take(end + 1);
        Ok(())
    }

    fn raw(&mut self) -> Result<(), Error> {
        let tail = self.rest.get(1..).unwrap_or_default();
        let Some(end) = tail.find('`') else {
            return self.fail("unterminated raw quoted string");
        };
        self.push(Token::Text(tail.get(..end).unwrap_or_default().replace('\r', "")));
        self.take(end + 2);
        Ok(())
    }

    fn character(&mut self) -> Result<(), Error> {
        let tail = self.rest.get(1..).unwrap_or_default();
        let from = usize::from(tail.starts_with('\\')) + 1;
        let end = tail.char_indices().skip(from).find(|(_, c)| *c == '\'').map(|(i, _)| i);
        let text = end.and_then(|end| unescape(tail.get(..end).unwrap_or_default()));
        let mut chars = text.iter().flat_map(|text| text.chars());
        match (chars.next(), chars.next(), end) {
            (Some(c), None, Some(end)) => {
                self.push(Token::Int(i64::from(u32::from(c))));
                self.take(end + 2);
                Ok(())
            }
            _ => self.fail("malformed character constant"),
        }
    }

    fn number(&mut self) -> Result<(), Error> {
        let hex = self.rest.trim_start_matches(['+', '-']).starts_with("0x");
        let mut n = 0;
        let mut before = ' ';
        for c in self.rest.chars() {
            let exponent =
                if hex { matches!(before, 'p' | 'P') } else { matches!(before, 'e' | 'E') };
            let sign = matches!(c, '+' | '-') && (n == 0 || exponent);
            if !(is_word(c) || c == '.' || sign) {
                break;
            }
            n += c.len_utf8();
            before = c;
        }
        let text = self.rest.get(..n).unwrap_or_default();
        let Some(token) = number(text) else {
            return self.fail(format!("bad number syntax: {text:?}"));
        };
        self.push(token);
        self.take(n);
        Ok(())
    }
}
