//! The syntax tree of a Go template, and walks over it.
//!
//! `else if` chains are flat lists and not nested nodes as in Go's own tree: a template with a
//! thousand branches must not cost a thousand levels of recursion.

use super::funcs::Func;

/// A piece of a template.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    /// Text as it is.
    Text(String),
    /// A pipeline whose value is printed, unless it declares variables.
    Action(Pipeline),
    /// `if` or `with`.
    Branch(Branch),
    /// `range`.
    Range(Range),
    /// `template "name" pipeline`.
    Call {
        name: String,
        pipe: Option<Pipeline>,
        line: usize,
    },
    Break,
    Continue,
}

/// `if … else if … else`, or the same with `with`.
#[derive(Debug, Clone)]
pub(crate) struct Branch {
    /// Whether the value becomes the dot.
    pub is_with: bool,
    /// Conditions with what they guard, in order.
    pub arms: Vec<(Pipeline, Vec<Node>)>,
    pub otherwise: Vec<Node>,
}

/// `range pipeline … else … end`.
#[derive(Debug, Clone)]
pub(crate) struct Range {
    pub pipe: Pipeline,
    pub body: Vec<Node>,
    pub otherwise: Vec<Node>,
}

/// Commands whose values are handed on, with the variables that take the last one.
#[derive(Debug, Clone)]
pub(crate) struct Pipeline {
    /// Variables with their `$`.
    pub decl: Vec<String>,
    /// `=` instead of `:=`.
    pub assign: bool,
    /// Each a list of operands, the first of which may be a function.
    pub commands: Vec<Vec<Operand>>,
    /// Line in the source, from 1.
    pub line: usize,
}

/// A part of a command.
#[derive(Debug, Clone)]
pub(crate) enum Operand {
    Dot,
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    /// `.A.B`
    Field(Vec<String>),
    /// `$x.A.B`; `$` is the data the template was called with.
    Variable(String, Vec<String>),
    Function(Func),
    /// `(pipeline)`
    Pipe(Box<Pipeline>),
    /// `(pipeline).A.B`
    Chain(Box<Operand>, Vec<String>),
}

/// Calls `visit` for every chain of field names in the nodes, conditions included, with the node
/// list that encloses it most closely and the innermost `range`, if any.
pub(crate) fn each_field<'a>(
    nodes: &'a [Node],
    range: Option<&'a Range>,
    visit: &mut impl FnMut(&'a [String], &'a [Node], Option<&'a Range>),
) {
    for node in nodes {
        match node {
            Node::Text(_) | Node::Break | Node::Continue => {}
            Node::Action(pipe) => pipe_fields(pipe, &mut |f| visit(f, nodes, range)),
            Node::Call { pipe, .. } => {
                pipe.iter().for_each(|pipe| pipe_fields(pipe, &mut |f| visit(f, nodes, range)));
            }
            Node::Branch(branch) => {
                for (pipe, body) in &branch.arms {
                    pipe_fields(pipe, &mut |f| visit(f, nodes, range));
                    each_field(body, range, visit);
                }
                each_field(&branch.otherwise, range, visit);
            }
            Node::Range(inner) => {
                pipe_fields(&inner.pipe, &mut |f| visit(f, nodes, range));
                each_field(&inner.body, Some(inner), visit);
                each_field(&inner.otherwise, range, visit);
            }
        }
    }
}

/// Calls `visit` for every chain of field names in a pipeline.
pub(crate) fn pipe_fields<'a>(pipe: &'a Pipeline, visit: &mut impl FnMut(&'a [String])) {
    // A worklist: the closure's type would otherwise grow with every nested pipeline.
    let mut operands: Vec<&Operand> = pipe.commands.iter().flatten().collect();
    while let Some(operand) = operands.pop() {
        match operand {
            Operand::Field(names) | Operand::Variable(_, names) => visit(names),
            Operand::Pipe(pipe) => operands.extend(pipe.commands.iter().flatten()),
            Operand::Chain(inner, names) => {
                visit(names);
                operands.push(inner);
            }
            _ => {}
        }
    }
}

/// Whether a pipeline names this field anywhere.
pub(crate) fn names_field(pipe: &Pipeline, field: &str) -> bool {
    let mut found = false;
    pipe_fields(pipe, &mut |names| found |= names.iter().any(|name| name == field));
    found
}

/// The nodes up to and with the first action that prints `field`, in the order of the text;
/// everything behind it is left out. Conditions do not count: they print nothing.
pub(crate) fn cut_after(nodes: &[Node], field: &str) -> Vec<Node> {
    let mut cut = false;
    cut_nodes(nodes, field, &mut cut)
}

fn cut_nodes(nodes: &[Node], field: &str, cut: &mut bool) -> Vec<Node> {
    let mut kept = Vec::new();
    for node in nodes {
        if *cut {
            break;
        }
        kept.push(match node {
            Node::Action(pipe) => {
                *cut = names_field(pipe, field);
                node.clone()
            }
            Node::Branch(branch) => {
                let mut branch = branch.clone();
                for (_, body) in &mut branch.arms {
                    *body = cut_nodes(body, field, cut);
                }
                branch.otherwise = cut_nodes(&branch.otherwise, field, cut);
                Node::Branch(branch)
            }
            Node::Range(range) => {
                let body = cut_nodes(&range.body, field, cut);
                let otherwise = cut_nodes(&range.otherwise, field, cut);
                Node::Range(Range { pipe: range.pipe.clone(), body, otherwise })
            }
            other => other.clone(),
        });
    }
    kept
}
