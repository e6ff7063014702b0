//! A first look at a template's tags, before any recursive parser sees them.
//!
//! The interpreter's parser is recursive and so is everything behind it; how deep they go is the
//! template's choice. This pass is a loop: it measures nesting of blocks and brackets and the
//! length of operator chains, refuses what is too deep, and on the way rewrites the one tag pair
//! that Hugging Face adds to Jinja (`{% generation %}`, which marks the assistant's text for
//! training and prints nothing) to a plain scope.

use crate::error::Error;
use crate::limits::{MAX_CHAIN, MAX_SOURCE_BYTES, MAX_SOURCE_DEPTH};

/// The template ready for the parser: newlines as `\n`, generation tags replaced.
///
/// # Errors
/// [`Error::TemplateDepth`] and [`Error::TemplateSize`].
pub fn prepare(source: &str) -> Result<String, Error> {
    let source = source.replace("\r\n", "\n").replace('\r', "\n");
    let mut out = String::with_capacity(source.len());
    let mut blocks = Blocks::default();
    let mut rest = source.as_str();
    while let Some((before, tag)) = next_tag(rest) {
        out.push_str(before);
        let end = tag_end(tag)?;
        let (text, after) = tag.split_at(end);
        match keyword(text) {
            "raw" => {
                let end = end_of_raw(after);
                out.push_str(text);
                // Jinja2 does not trim the newline after this tag; the interpreter takes one.
                if after.starts_with('\n') && !text.ends_with("-%}") {
                    out.push('\n');
                }
                let (raw, after) = after.split_at(end);
                out.push_str(raw);
                rest = after;
                continue;
            }
            "generation" => out.push_str(&text.replacen("generation", "with", 1)),
            "endgeneration" => out.push_str(&text.replacen("endgeneration", "endwith", 1)),
            _ => out.push_str(text),
        }
        blocks.enter(keyword(text), text)?;
        rest = after;
    }
    out.push_str(rest);
    if source.len() > MAX_SOURCE_BYTES {
        return Err(Error::TemplateSize { have: source.len() });
    }
    Ok(out)
}

/// Splits before the next `{{`, `{%` or `{#`.
fn next_tag(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let at = bytes.windows(2).position(|pair| matches!(pair, [b'{', b'{' | b'%' | b'#']))?;
    Some(text.split_at(at))
}

/// Length of the tag at the start of `text`, its closing bracket included.
fn tag_end(text: &str) -> Result<usize, Error> {
    if text.starts_with("{#") {
        return Ok(text.find("#}").map_or(text.len(), |at| at + 2));
    }
    let close: &[u8] = if text.starts_with("{%") { b"%}" } else { b"}}" };
    let bytes = text.as_bytes();
    let (mut at, mut depth, mut chain) = (2, 0usize, 0usize);
    while let Some(&byte) = bytes.get(at) {
        if depth == 0 && bytes.get(at..at + 2) == Some(close) {
            return Ok(at + 2);
        }
        match byte {
            b'"' | b'\'' => {
                at = string_end(bytes, at);
                continue;
            }
            b'(' | b'[' | b'{' => (depth, chain) = (depth + 1, chain + 1),
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'+' | b'-' | b'*' | b'/' | b'%' | b'~' | b'|' | b'.' | b'<' | b'>' | b'=' => {
                chain += 1
            }
            _ if byte.is_ascii_alphabetic() => {
                let word = word_at(text, at);
                chain += usize::from(matches!(word, "not" | "and" | "or" | "if" | "is" | "in"));
                at += word.len();
                continue;
            }
            // Commas separate siblings: what follows starts a new chain at the same depth.
            b',' => chain = 0,
            _ => {}
        }
        if depth > MAX_SOURCE_DEPTH || chain > MAX_CHAIN {
            return Err(Error::TemplateDepth);
        }
        at += 1;
    }
    Ok(text.len())
}

/// The byte after the string literal that starts at `at`.
fn string_end(bytes: &[u8], at: usize) -> usize {
    let quote = bytes.get(at);
    let mut at = at + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            _ if Some(byte) == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn word_at(text: &str, at: usize) -> &str {
    let word = text.get(at..).unwrap_or_default();
    let end = word.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(word.len());
    word.get(..end).unwrap_or_default()
}

/// The first word of a `{% … %}` tag; empty for other tags.
fn keyword(tag: &str) -> &str {
    let Some(inner) = tag.strip_prefix("{%") else {
        return "";
    };
    let inner = inner.trim_start_matches(['-', '+']).trim_start();
    word_at(inner, 0)
}

/// Length of the text up to and including `{% endraw %}`.
fn end_of_raw(text: &str) -> usize {
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|t| t.find("{%")).map(|at| at + from) {
        let tag = text.get(at..).unwrap_or_default();
        if keyword(tag) == "endraw" {
            return tag.find("%}").map_or(text.len(), |end| at + end + 2);
        }
        from = at + 2;
    }
    text.len()
}

/// Open blocks and, for each, how many `elif` it has.
#[derive(Default)]
struct Blocks {
    elifs: Vec<usize>,
}

impl Blocks {
    fn enter(&mut self, keyword: &str, tag: &str) -> Result<(), Error> {
        match keyword {
            // `{% set x = 1 %}` opens nothing, `{% set x %}` does.
            "set" if tag.contains('=') => {}
            "if" | "for" | "macro" | "call" | "filter" | "set" | "with" | "block"
            | "autoescape" | "generation" => self.elifs.push(0),
            "elif" => {
                if let Some(count) = self.elifs.last_mut() {
                    *count += 1;
                    if *count > MAX_CHAIN / 4 {
                        return Err(Error::TemplateDepth);
                    }
                }
            }
            _ if keyword.starts_with("end") => {
                self.elifs.pop();
            }
            _ => {}
        }
        if self.elifs.len() > MAX_SOURCE_DEPTH { Err(Error::TemplateDepth) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
    use super::*;

    #[test]
    fn generation_tags_become_scopes() {
        let source = "a{%- generation -%}x{% endgeneration %}{{ 'generation' }}";
        assert_eq!(prepare(source).unwrap(), "a{%- with -%}x{% endwith %}{{ 'generation' }}");
    }

    #[test]
    fn braces_and_quotes_inside_tags_do_not_end_them() {
        for source in ["{{ {'a': {'b': '}}'}} }}", "{% set x = \"%}\\\"%}\" %}", "{# {{ #}"] {
            assert_eq!(prepare(source).unwrap(), source);
        }
    }

    #[test]
    fn raw_text_is_left_alone() {
        let source = "{% raw %}{% generation %}{% endraw %}{% generation %}{% endgeneration %}";
        assert_eq!(
            prepare(source).unwrap(),
            "{% raw %}{% generation %}{% endraw %}{% with %}{% endwith %}"
        );
    }

    #[test]
    fn depth_is_measured_without_recursion() {
        for source in [
            "{% if 1 %}".repeat(50_000),
            format!("{{{{ {} }}}}", "(".repeat(100_000)),
            format!("{{{{ 1{} }}}}", "+1".repeat(100_000)),
            format!("{{% if x %}}{}{{% endif %}}", "{% elif x %}".repeat(10_000)),
            format!("{{{{ {} 1 }}}}", "not ".repeat(10_000)),
        ] {
            assert_eq!(prepare(&source), Err(Error::TemplateDepth));
        }
        let long = "x".repeat(10 << 20);
        assert_eq!(prepare(&long), Err(Error::TemplateSize { have: 10 << 20 }));
    }
}
