//! Runs a syntax tree over data.
//!
//! The rules are those of Go's `text/template` with `missingkey=zero`, which Ollama sets: a missing
//! key of a map is no value, a missing field of a struct is an error, a field of no value is an
//! error unless the value came from a variable.

use super::ast::{Branch, Node, Operand, Pipeline, Range};
use super::fmt;
use super::funcs::{self, Func};
use super::meter::Meter;
use super::parse::Tree;
use super::value::Value;
use crate::clock::Moment;
use crate::error::Error;

/// What follows a node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

/// A rendering.
pub(crate) struct Run<'a> {
    tree: &'a Tree,
    now: Option<Moment>,
    pub meter: Meter,
    /// Variables in scope, innermost last, with their `$`.
    variables: Vec<(&'a str, Value)>,
}

/// A failure at a line.
pub(crate) fn failed(line: usize, detail: impl std::fmt::Display) -> Error {
    Error::Failed { detail: format!("line {line}: {detail}") }
}

impl<'a> Run<'a> {
    pub fn new(tree: &'a Tree, now: Option<Moment>, n_messages: usize) -> Run<'a> {
        Run { tree, now, meter: Meter::new(n_messages), variables: Vec::new() }
    }

    /// Renders `nodes` with `data` as `.` and `$`, appending to the output.
    pub fn execute(&mut self, nodes: &'a [Node], data: &Value) -> Result<(), Error> {
        self.variables = vec![("$", data.clone())];
        self.nodes(nodes, data)?;
        Ok(())
    }

    fn nodes(&mut self, nodes: &'a [Node], dot: &Value) -> Result<Flow, Error> {
        self.meter.enter()?;
        for node in nodes {
            let flow = self.node(node, dot)?;
            if flow != Flow::Next {
                self.meter.leave();
                return Ok(flow);
            }
        }
        self.meter.leave();
        Ok(Flow::Next)
    }

    fn node(&mut self, node: &'a Node, dot: &Value) -> Result<Flow, Error> {
        self.meter.step()?;
        match node {
            Node::Text(text) => self.meter.write(text)?,
            Node::Action(pipe) => {
                let value = self.pipeline(pipe, dot)?;
                if pipe.decl.is_empty() {
                    self.print(&value)?;
                }
            }
            Node::Branch(branch) => return self.branch(branch, dot),
            Node::Range(range) => return self.range(range, dot),
            Node::Call { name, pipe, line } => self.call(name, pipe.as_ref(), *line, dot)?,
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    fn print(&mut self, value: &Value) -> Result<(), Error> {
        match value {
            Value::Text(text) => self.meter.write(text),
            Value::Nil => self.meter.write("<no value>"),
            other => {
                let text = fmt::display(other)?;
                self.meter.write(&text)
            }
        }
    }

    fn branch(&mut self, branch: &'a Branch, dot: &Value) -> Result<Flow, Error> {
        let scope = self.variables.len();
        let mut flow = None;
        for (pipe, body) in &branch.arms {
            let value = self.pipeline(pipe, dot)?;
            if value.is_true() {
                flow = Some(self.nodes(body, if branch.is_with { &value } else { dot })?);
                break;
            }
        }
        let flow = match flow {
            Some(flow) => flow,
            None => self.nodes(&branch.otherwise, dot)?,
        };
        self.variables.truncate(scope);
        Ok(flow)
    }

    fn range(&mut self, range: &'a Range, dot: &Value) -> Result<Flow, Error> {
        let scope = self.variables.len();
        let over = self.pipeline(&range.pipe, dot)?;
        let mut ran = false;
        match &over {
            Value::List(list) => {
                for (i, item) in (0i64..).zip(&list.items) {
                    ran = true;
                    if self.turn(range, scope, Value::Int(i), item)? == Flow::Break {
                        break;
                    }
                }
            }
            Value::Object(object) if object.type_name.is_none() => {
                self.meter.search(object)?;
                for field in object.sorted() {
                    ran = true;
                    let key = Value::Text(std::rc::Rc::clone(&field.name));
                    if self.turn(range, scope, key, &field.value)? == Flow::Break {
                        break;
                    }
                }
            }
            Value::Int(n) => {
                for i in 0..*n {
                    ran = true;
                    if self.turn(range, scope, Value::Int(i), &Value::Int(i))? == Flow::Break {
                        break;
                    }
                }
            }
            Value::Nil => {}
            other => {
                let detail =
                    format!("range can't iterate over a value of type {}", other.type_name());
                return Err(failed(range.pipe.line, detail));
            }
        }
        let flow = if ran { Flow::Next } else { self.nodes(&range.otherwise, dot)? };
        self.variables.truncate(scope);
        Ok(flow)
    }

    /// One iteration: variables set, the body run.
    fn turn(
        &mut self,
        range: &'a Range,
        scope: usize,
        key: Value,
        item: &Value,
    ) -> Result<Flow, Error> {
        let decl = &range.pipe.decl;
        let item_at = decl.len().saturating_sub(1);
        for (n, name) in decl.iter().enumerate() {
            let value = if n == item_at { item.clone() } else { key.clone() };
            if range.pipe.assign {
                self.assign(name, value);
            } else if let Some(slot) = self.variables.get_mut(scope + n) {
                slot.1 = value;
            }
        }
        let inner = self.variables.len();
        let flow = self.nodes(&range.body, item)?;
        self.variables.truncate(inner);
        Ok(flow)
    }

    fn call(
        &mut self,
        name: &str,
        pipe: Option<&'a Pipeline>,
        line: usize,
        dot: &Value,
    ) -> Result<(), Error> {
        let tree = self.tree;
        let Some(nodes) = tree.defined.get(name) else {
            return Err(failed(line, format!("template {name:?} not defined")));
        };
        let data = match pipe {
            Some(pipe) => self.pipeline(pipe, dot)?,
            None => Value::Nil,
        };
        // A called template sees its data and none of the caller's variables.
        let outer = std::mem::replace(&mut self.variables, vec![("$", data.clone())]);
        self.nodes(nodes, &data)?;
        self.variables = outer;
        Ok(())
    }

    fn assign(&mut self, name: &str, value: Value) {
        if let Some(slot) = self.variables.iter_mut().rev().find(|(known, _)| *known == name) {
            slot.1 = value;
        }
    }

    fn pipeline(&mut self, pipe: &'a Pipeline, dot: &Value) -> Result<Value, Error> {
        self.meter.enter()?;
        let mut value = None;
        for command in &pipe.commands {
            value = Some(self.command(command, dot, value, pipe.line)?);
        }
        let value = value.unwrap_or(Value::Nil);
        for name in &pipe.decl {
            if pipe.assign {
                self.assign(name, value.clone());
            } else {
                self.variables.push((name.as_str(), value.clone()));
            }
        }
        self.meter.leave();
        Ok(value)
    }

    /// A command; `piped` is the value of the one before, the last argument of this.
    fn command(
        &mut self,
        command: &'a [Operand],
        dot: &Value,
        piped: Option<Value>,
        line: usize,
    ) -> Result<Value, Error> {
        let Some((first, rest)) = command.split_first() else {
            return Ok(Value::Nil);
        };
        if let Operand::Function(func) = first {
            return self.function(*func, rest, dot, piped, line);
        }
        if !rest.is_empty() || piped.is_some() {
            return Err(failed(line, "arguments are given to something that is no function"));
        }
        if matches!(first, Operand::Nil) {
            return Err(failed(line, "nil is not a command"));
        }
        self.operand(first, dot, line)
    }

    fn function(
        &mut self,
        func: Func,
        operands: &'a [Operand],
        dot: &Value,
        piped: Option<Value>,
        line: usize,
    ) -> Result<Value, Error> {
        let mut args = Vec::with_capacity(operands.len() + 1);
        for operand in operands {
            let value = self.operand(operand, dot, line)?;
            // The rest of the arguments is not evaluated: `and .A .A.B` is safe without .A.
            if func.is_decided_by(&value) {
                return Ok(value);
            }
            args.push(value);
        }
        args.extend(piped);
        self.meter.step()?;
        let result = funcs::call(func, &args, self.now, &mut self.meter);
        result.map_err(|error| match error {
            Error::Failed { detail } => failed(line, format!("{}: {detail}", func.name())),
            other => other,
        })
    }

    fn operand(&mut self, operand: &'a Operand, dot: &Value, line: usize) -> Result<Value, Error> {
        self.meter.step()?;
        match operand {
            Operand::Dot => Ok(dot.clone()),
            Operand::Nil => Ok(Value::Nil),
            Operand::Bool(b) => Ok(Value::Bool(*b)),
            Operand::Int(n) => Ok(Value::Int(*n)),
            Operand::Float(n) => Ok(Value::Float(*n)),
            Operand::Text(text) => Ok(Value::text(text)),
            Operand::Field(names) => self.fields(dot.clone(), names, line),
            Operand::Variable(name, names) => {
                let found = self.variables.iter().rev().find(|(known, _)| *known == name.as_str());
                let value = found.map_or(Value::Nil, |(_, value)| value.clone());
                self.fields(value, names, line)
            }
            Operand::Function(func) => self.function(*func, &[], dot, None, line),
            Operand::Pipe(pipe) => self.pipeline(pipe, dot),
            Operand::Chain(inner, names) => {
                let value = self.operand(inner, dot, line)?;
                self.fields(value, names, line)
            }
        }
    }

    /// `value.A.B`.
    fn fields(&mut self, value: Value, names: &[String], line: usize) -> Result<Value, Error> {
        // Fields of nothing are nothing, but not fields of what was just found to be missing.
        if matches!(value, Value::Nil) {
            return Ok(Value::Nil);
        }
        let mut value = value;
        for name in names {
            value = match &value {
                Value::Object(object) => {
                    self.meter.search(object)?;
                    match object.get(name) {
                        Some(found) => found.clone(),
                        None if object.type_name.is_none() => Value::Nil,
                        None => {
                            let detail = format!(
                                "can't evaluate field {name} in type {}",
                                value.type_name()
                            );
                            return Err(failed(line, detail));
                        }
                    }
                }
                Value::Nil => {
                    return Err(failed(
                        line,
                        format!("nil pointer evaluating interface {{}}.{name}"),
                    ));
                }
                other => {
                    let detail =
                        format!("can't evaluate field {name} in type {}", other.type_name());
                    return Err(failed(line, detail));
                }
            };
        }
        Ok(value)
    }
}
