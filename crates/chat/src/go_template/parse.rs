//! Tokens to a syntax tree.
//!
//! The grammar and the refusals are those of Go's `text/template/parse`; its recursion is bounded
//! by [`MAX_SOURCE_DEPTH`], counted over blocks and parentheses together.

use std::collections::BTreeMap;

use super::ast::{Branch, Node, Range};
use super::lex::{Located, Token, syntax, tokens};
use crate::error::Error;
use crate::limits::{MAX_SOURCE_BYTES, MAX_SOURCE_DEPTH};

/// A template with the templates it defines.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tree {
    pub root: Vec<Node>,
    pub defined: BTreeMap<String, Vec<Node>>,
}

/// The tree of a source.
///
/// # Errors
/// [`Error::GoSyntax`], [`Error::TemplateDepth`], [`Error::TemplateSize`].
pub(crate) fn parse(source: &str) -> Result<Tree, Error> {
    if source.len() > MAX_SOURCE_BYTES {
        return Err(Error::TemplateSize { have: source.len() });
    }
    let mut parser = Parser {
        tokens: tokens(source)?,
        at: 0,
        variables: vec!["$".to_owned()],
        loops: 0,
        depth: 0,
        defined: BTreeMap::new(),
    };
    let (root, end) = parser.nodes(true)?;
    match end {
        Until::Source => Ok(Tree { root, defined: parser.defined }),
        Until::End => parser.fail("unexpected {{end}}"),
        Until::Else => parser.fail("unexpected {{else}}"),
    }
}

/// What a list of nodes ended at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    Source,
    End,
    Else,
}

/// Where a pipeline stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Action,
    Range,
    Parens,
}

pub(super) struct Parser {
    pub(super) tokens: Vec<Located>,
    pub(super) at: usize,
    /// Names in scope, to refuse unknown ones before rendering.
    pub(super) variables: Vec<String>,
    /// How many `range` enclose this place.
    loops: usize,
    pub(super) depth: usize,
    defined: BTreeMap<String, Vec<Node>>,
}

impl Parser {
    pub(super) fn line(&self) -> usize {
        let near = self.tokens.get(self.at).or(self.tokens.last());
        near.map_or(1, |(_, line)| *line)
    }

    pub(super) fn fail<T>(&self, detail: impl Into<String>) -> Result<T, Error> {
        Err(syntax(self.line(), detail))
    }

    pub(super) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(token, _)| token)
    }

    pub(super) fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get_mut(self.at).map(|(token, _)| token)?;
        self.at += 1;
        // Taken out: texts are moved, not copied. A token is never read twice.
        Some(std::mem::replace(token, Token::Space))
    }

    pub(super) fn skip_space(&mut self) {
        while self.peek() == Some(&Token::Space) {
            self.at += 1;
        }
    }

    /// The next token that is not a space, left where it is.
    pub(super) fn peek_word(&mut self) -> Option<&Token> {
        self.skip_space();
        self.peek()
    }

    fn is_word(&mut self, word: &str) -> bool {
        matches!(self.peek_word(), Some(Token::Word(w)) if w == word)
    }

    fn expect_right(&mut self, context: &str) -> Result<(), Error> {
        self.skip_space();
        if self.peek() == Some(&Token::Right) {
            self.at += 1;
            return Ok(());
        }
        self.fail(format!("expected the end of {{{{{context}}}}}"))
    }

    pub(super) fn deeper(&mut self) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > MAX_SOURCE_DEPTH { Err(Error::TemplateDepth) } else { Ok(()) }
    }

    /// Nodes up to `{{end}}`, `{{else` or the end of the source. After `else` the parser stands
    /// behind that word.
    fn nodes(&mut self, top: bool) -> Result<(Vec<Node>, Until), Error> {
        let mut nodes = Vec::new();
        while let Some(token) = self.next() {
            let Token::Left = token else {
                if let Token::Outside(text) = token {
                    nodes.push(Node::Text(text));
                }
                continue;
            };
            let keyword = match self.peek_word() {
                Some(Token::Word(word)) => word.clone(),
                _ => String::new(),
            };
            match keyword.as_str() {
                "end" => {
                    self.at += 1;
                    self.expect_right("end")?;
                    return Ok((nodes, Until::End));
                }
                "else" => {
                    self.at += 1;
                    return Ok((nodes, Until::Else));
                }
                "define" if top => self.define()?,
                "define" => return self.fail("unexpected {{define}} inside of a block"),
                _ => nodes.push(self.action(&keyword)?),
            }
        }
        Ok((nodes, Until::Source))
    }

    fn action(&mut self, keyword: &str) -> Result<Node, Error> {
        if matches!(keyword, "if" | "with" | "range" | "block" | "template" | "break" | "continue")
        {
            self.at += 1;
        }
        match keyword {
            "if" | "with" => self.branch(keyword),
            "range" => self.range(),
            "block" => self.block(),
            "template" => {
                let line = self.line();
                let name = self.template_name("template")?;
                let pipe = match self.peek_word() {
                    Some(Token::Right) => {
                        self.at += 1;
                        None
                    }
                    _ => Some(self.pipeline(Place::Action, "template")?),
                };
                Ok(Node::Call { name, pipe, line })
            }
            "break" | "continue" => {
                if self.loops == 0 {
                    return self.fail(format!("{{{{{keyword}}}}} outside {{{{range}}}}"));
                }
                self.expect_right(keyword)?;
                Ok(if keyword == "break" { Node::Break } else { Node::Continue })
            }
            _ => Ok(Node::Action(self.pipeline(Place::Action, "command")?)),
        }
    }

    /// `if` and `with`, with all their `else` branches.
    fn branch(&mut self, keyword: &str) -> Result<Node, Error> {
        self.deeper()?;
        let scope = self.variables.len();
        let (mut arms, mut otherwise) = (Vec::new(), Vec::new());
        loop {
            let pipe = self.pipeline(Place::Action, keyword)?;
            let (body, end) = self.nodes(false)?;
            arms.push((pipe, body));
            match end {
                Until::Source => return self.fail("unexpected EOF"),
                Until::End => break,
                Until::Else if self.is_word(keyword) => self.at += 1,
                Until::Else => {
                    otherwise = self.last_else(keyword)?;
                    break;
                }
            }
        }
        self.variables.truncate(scope);
        self.depth -= 1;
        Ok(Node::Branch(Branch { is_with: keyword == "with", arms, otherwise }))
    }

    /// Behind a plain `{{else`: its nodes up to `{{end}}`.
    fn last_else(&mut self, keyword: &str) -> Result<Vec<Node>, Error> {
        self.expect_right("else")?;
        let (nodes, end) = self.nodes(false)?;
        match end {
            Until::End => Ok(nodes),
            Until::Else => self.fail("expected end; found {{else}}"),
            Until::Source => self.fail(format!("unexpected EOF in {{{{{keyword}}}}}")),
        }
    }

    fn range(&mut self) -> Result<Node, Error> {
        self.deeper()?;
        let scope = self.variables.len();
        let pipe = self.pipeline(Place::Range, "range")?;
        self.loops += 1;
        let (body, end) = self.nodes(false)?;
        self.loops -= 1;
        let otherwise = match end {
            Until::Source => return self.fail("unexpected EOF"),
            Until::End => Vec::new(),
            Until::Else => self.last_else("range")?,
        };
        self.variables.truncate(scope);
        self.depth -= 1;
        Ok(Node::Range(Range { pipe, body, otherwise }))
    }

    fn template_name(&mut self, context: &str) -> Result<String, Error> {
        self.skip_space();
        match self.next() {
            Some(Token::Text(name)) => Ok(name),
            _ => self.fail(format!("expected a name as a string in {{{{{context}}}}}")),
        }
    }

    /// The body of a `define` or `block`, a template of its own.
    fn body(&mut self) -> Result<Vec<Node>, Error> {
        self.deeper()?;
        let variables = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let loops = std::mem::take(&mut self.loops);
        let (nodes, end) = self.nodes(false)?;
        if end != Until::End {
            return self.fail("unexpected EOF or {{else}} in a template definition");
        }
        (self.variables, self.loops) = (variables, loops);
        self.depth -= 1;
        Ok(nodes)
    }

    fn add(&mut self, name: &str, nodes: Vec<Node>) -> Result<(), Error> {
        let is_empty = |nodes: &[Node]| {
            nodes.iter().all(|node| matches!(node, Node::Text(text) if text.trim().is_empty()))
        };
        match self.defined.get(name) {
            // Definitions of nothing but white space may be replaced, and replace nothing.
            Some(old) if !is_empty(old) && !is_empty(&nodes) => {
                self.fail(format!("multiple definition of template {name:?}"))
            }
            Some(_) if is_empty(&nodes) => Ok(()),
            _ => {
                self.defined.insert(name.to_owned(), nodes);
                Ok(())
            }
        }
    }

    fn define(&mut self) -> Result<(), Error> {
        self.at += 1;
        let name = self.template_name("define")?;
        self.expect_right("define")?;
        let nodes = self.body()?;
        self.add(&name, nodes)
    }

    /// A definition that is called where it stands.
    fn block(&mut self) -> Result<Node, Error> {
        let line = self.line();
        let name = self.template_name("block")?;
        let pipe = self.pipeline(Place::Action, "block")?;
        let nodes = self.body()?;
        self.add(&name, nodes)?;
        Ok(Node::Call { name, pipe: Some(pipe), line })
    }
}
