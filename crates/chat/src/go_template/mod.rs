//! Ollama's chat templates: Go's `text/template`, rendered by Ollama's rules.
//!
//! A Modelfile's TEMPLATE and the template layers of Ollama's library are written in Go's template
//! language. This is an interpreter of our own for the part of it that can be reached from a
//! template, because the data is a tree of values we make ourselves and every step, every byte and
//! every level of nesting must be counted: a template comes from whoever made the model.
//!
//! `lex` (with `literal`), `parse` and `pipeline` make a syntax tree (`ast`); `eval` runs it under
//! the account of `meter`; `funcs`, `items`, `fmt` (with `spec` and `number`) and `json` are Go's
//! functions; `data` says what a message looks like to a template, and `render` has Ollama's rules
//! around it (one pass, or one pass per turn for templates that know no `.Messages`).

mod ast;
mod data;
mod eval;
mod fmt;
mod funcs;
mod items;
mod json;
mod lex;
mod literal;
mod meter;
mod number;
mod parse;
mod pipeline;
mod render;
mod spec;
mod value;

#[cfg(test)]
mod tests;

use ast::{Node, Operand, Pipeline, each_field};
use parse::Tree;

use crate::error::Error;

/// A compiled Go template.
#[derive(Debug, Clone)]
pub struct GoTemplate {
    source: String,
    tree: Tree,
    /// Every field the template names, in lower case.
    names: Vec<String>,
}

impl GoTemplate {
    /// Compiles a template. One that prints no answer (`.Response`) and knows no `.Messages` gets
    /// `{{ .Response }}` at its end, as in Ollama.
    ///
    /// # Errors
    /// [`Error::GoSyntax`], [`Error::TemplateDepth`], [`Error::TemplateSize`].
    pub fn new(source: impl Into<String>) -> Result<GoTemplate, Error> {
        let source = source.into();
        let mut tree = parse::parse(&source)?;
        let mut names = names_of(&tree);
        if !names.iter().any(|name| matches!(name.as_str(), "messages" | "response")) {
            let response = Operand::Field(vec!["Response".to_owned()]);
            tree.root.push(Node::Action(Pipeline {
                decl: Vec::new(),
                assign: false,
                commands: vec![vec![response]],
                line: source.lines().count().max(1),
            }));
            names.push("response".to_owned());
        }
        Ok(GoTemplate { source, tree, names })
    }

    /// The template's source, as it was given.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether the template names this field (in lower case) anywhere.
    pub(crate) fn names(&self, field: &str) -> bool {
        self.names.iter().any(|name| name == field)
    }

    /// The texts around an earlier turn's thinking, which are those the model writes itself: what
    /// begins and ends the nearest list of nodes around `.Thinking` inside `range .Messages`.
    #[must_use]
    pub fn thinking_tags(&self) -> Option<(String, String)> {
        let mut tags = None;
        for nodes in std::iter::once(&self.tree.root).chain(self.tree.defined.values()) {
            each_field(nodes, None, &mut |names, list, range| {
                let over_messages =
                    range.is_some_and(|range| ast::names_field(&range.pipe, "Messages"));
                if tags.is_some() || !over_messages || names.last().is_none_or(|n| n != "Thinking")
                {
                    return;
                }
                let (first, last) = (list.first(), list.last());
                if let (Some(Node::Text(open)), Some(Node::Text(close))) = (first, last) {
                    let (open, close) = (open.trim(), close.trim());
                    if !open.is_empty() && !close.is_empty() && list.len() > 1 {
                        tags = Some((open.to_owned(), close.to_owned()));
                    }
                }
            });
        }
        tags
    }
}

/// Fields named anywhere in a tree, in lower case, once each.
fn names_of(tree: &Tree) -> Vec<String> {
    let mut found = std::collections::BTreeSet::new();
    for nodes in std::iter::once(&tree.root).chain(tree.defined.values()) {
        each_field(nodes, None, &mut |names, _, _| {
            found.extend(names.iter().map(|name| name.to_lowercase()));
        });
    }
    found.into_iter().collect()
}
