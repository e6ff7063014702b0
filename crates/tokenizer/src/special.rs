//! Finding special tokens in text.
//!
//! The order is that of the reference: the longest token first, over the whole text, then the next
//! longest in what is left. (Going from left to right and taking the longest at each place is not
//! the same: of `<a>` and `x<` in `x<a>` it would find the second.) Walking a trie at every
//! position first tells which lengths occur at all, which for ordinary text is none; then each of
//! those lengths is searched once.

use crate::vocab::{Attr, Vocab};

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fragment<'a> {
    Text(&'a str),
    Token(u32),
}

/// Number of "no node" and "no token".
const NONE: u32 = u32::MAX;

/// A node of the trie; children are a list over `sibling`.
#[derive(Debug)]
struct Node {
    byte: u8,
    child: u32,
    sibling: u32,
    token: u32,
}

/// The special tokens of a vocabulary, or some of them.
#[derive(Debug)]
pub(crate) struct Matcher {
    /// Nodes of the first byte.
    roots: [u32; 256],
    nodes: Vec<Node>,
    max_len: usize,
}

impl Matcher {
    /// All tokens with one of `wanted` and none of `unwanted`.
    pub fn new(vocab: &Vocab, wanted: Attr, unwanted: Attr) -> Matcher {
        Matcher::of(vocab, |attr| attr.has(wanted) && !attr.has(unwanted))
    }

    /// All tokens whose attributes are to be taken.
    pub fn of(vocab: &Vocab, is_taken: impl Fn(Attr) -> bool) -> Matcher {
        let mut matcher = Matcher { roots: [NONE; 256], nodes: Vec::new(), max_len: 0 };
        for (id, attr) in (0..).zip(&vocab.attrs) {
            if is_taken(*attr)
                // A token that is not text cannot be in a text.
                && let Some(text) = vocab.text(id).and_then(|text| std::str::from_utf8(text).ok())
            {
                matcher.insert(text.as_bytes(), id);
            }
        }
        matcher
    }

    fn insert(&mut self, text: &[u8], id: u32) {
        self.max_len = self.max_len.max(text.len());
        let mut parent = NONE;
        for byte in text {
            let known = self.step(parent, *byte);
            parent = if known == NONE { self.add(parent, *byte) } else { known };
        }
        // Of two equal texts the first is found.
        if let Some(node) = self.nodes.get_mut(parent as usize).filter(|node| node.token == NONE) {
            node.token = id;
        }
    }

    fn add(&mut self, parent: u32, byte: u8) -> u32 {
        // Fewer nodes than bytes of the vocabulary, which are limited.
        let new = u32::try_from(self.nodes.len()).unwrap_or(NONE);
        let list = match self.nodes.get_mut(parent as usize) {
            Some(node) => &mut node.child,
            None => match self.roots.get_mut(usize::from(byte)) {
                Some(root) => root,
                None => return NONE,
            },
        };
        let sibling = std::mem::replace(list, new);
        self.nodes.push(Node { byte, child: NONE, sibling, token: NONE });
        new
    }

    /// The child of a node (or of the root) for a byte.
    #[inline]
    fn step(&self, parent: u32, byte: u8) -> u32 {
        let mut at = match self.nodes.get(parent as usize) {
            Some(node) => node.child,
            None => return self.roots.get(usize::from(byte)).copied().unwrap_or(NONE),
        };
        while let Some(node) = self.nodes.get(at as usize) {
            if node.byte == byte {
                return at;
            }
            at = node.sibling;
        }
        NONE
    }

    /// All tokens at the start of `text`, by ascending length.
    #[inline]
    fn walk<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = (usize, u32)> + 'a {
        let mut at = NONE;
        let nodes = text.iter().map_while(move |byte| {
            at = self.step(at, *byte);
            self.nodes.get(at as usize)
        });
        let tokens = nodes.enumerate().map(|(i, node)| (i + 1, node.token));
        tokens.filter(|(_, token)| *token != NONE)
    }

    /// Length of the longest token at the start of `text`.
    pub fn longest(&self, text: &[u8]) -> Option<usize> {
        self.walk(text).last().map(|(len, _)| len)
    }

    /// Cuts a text at its special tokens.
    pub fn split<'a>(&self, vocab: &Vocab, text: &'a str) -> Vec<Fragment<'a>> {
        if text.is_empty() {
            return Vec::new();
        }
        let mut fragments = vec![Fragment::Text(text)];
        for len in self.lengths_in(text.as_bytes()) {
            let before = std::mem::take(&mut fragments);
            for fragment in before {
                match fragment {
                    Fragment::Text(text) => self.cut(vocab, text, len, &mut fragments),
                    token => fragments.push(token),
                }
            }
        }
        fragments
    }

    /// Lengths of all tokens that occur in a text, descending.
    fn lengths_in(&self, text: &[u8]) -> Vec<usize> {
        let mut present = vec![false; self.max_len + 1];
        for start in 0..text.len() {
            for (len, _) in self.walk(text.get(start..).unwrap_or(&[])) {
                if let Some(place) = present.get_mut(len) {
                    *place = true;
                }
            }
        }
        (0..present.len()).rev().filter(|len| present.get(*len) == Some(&true)).collect()
    }

    /// Cuts out the tokens of one length.
    fn cut<'a>(&self, vocab: &Vocab, text: &'a str, len: usize, out: &mut Vec<Fragment<'a>>) {
        let (mut from, mut at) = (0, 0);
        let push_text = |start, end, out: &mut Vec<Fragment<'a>>| {
            if let Some(part) = text.get(start..end).filter(|part| !part.is_empty()) {
                out.push(Fragment::Text(part));
            }
        };
        while at + len <= text.len() {
            let here = text.as_bytes().get(at..at + len).unwrap_or(&[]);
            let Some((_, token)) = self.walk(here).find(|(found, _)| *found == len) else {
                at += 1;
                continue;
            };
            let attr = vocab.attr(token);
            let mut end = at;
            if attr.has(Attr::LEFT_STRIP) {
                end = text
                    .get(from..at)
                    .map_or(at, |left| from + left.trim_end_matches(is_c_space).len());
            }
            push_text(from, end, out);
            out.push(Fragment::Token(token));
            from = at + len;
            if attr.has(Attr::RIGHT_STRIP) {
                let right = text.get(from..).unwrap_or("");
                from = text.len() - right.trim_start_matches(is_c_space).len();
            }
            at = from;
        }
        push_text(from, text.len(), out);
    }
}

/// The white space of C's `isspace`, which is what stripping means in the reference.
fn is_c_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\u{b}' | '\u{c}' | '\r')
}
