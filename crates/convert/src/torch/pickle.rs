//! The machine: instructions in, values out.
//!
//! Values lie in one list and name each other by their places, so that nothing is freed or copied
//! along a chain a stranger made, however long, and a value costs its instruction. There is no
//! instruction here that calls, imports or sets attributes: "reduce" knows four names, "build"
//! drops what it is given.

use std::collections::HashMap;

use super::globals::{Dtype, Global};
use crate::error::Error;

/// Values: a tensor takes about twenty, a model has some thousand tensors.
const MAX_NODES: usize = 1 << 22;

/// The place of a value.
pub(super) type Id = usize;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    /// None, numbers that are no whole ones, and what only has to be there.
    Nothing,
    Bool(bool),
    Int(i64),
    /// A whole number of more than 8 bytes, little-endian.
    Long(Vec<u8>),
    Text(String),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Global(Global),
    /// Numbers that lie outside of the pickle.
    Storage {
        dtype: Dtype,
        key: String,
        n: u64,
    },
    /// A part of a storage: first element, sizes and strides in elements.
    Tensor {
        storage: Id,
        first: u64,
        size: Vec<u64>,
        stride: Vec<u64>,
    },
}

/// A pickle that was read.
#[derive(Debug)]
pub(super) struct Pickle {
    nodes: Vec<Node>,
    /// The value it stands for.
    pub top: Id,
    /// Bytes it took.
    pub len: usize,
}

impl Pickle {
    pub fn node(&self, id: Id) -> &Node {
        self.nodes.get(id).unwrap_or(&Node::Nothing)
    }

    /// All values, in the order they were made.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }
}

/// Reads the pickle at the beginning of `bytes`.
pub(super) fn read(file: &str, bytes: &[u8]) -> Result<Pickle, Error> {
    let mut machine = Machine { bytes, ..Machine::new(file) };
    while !machine.step()? {}
    let top = machine.pop()?;
    Ok(Pickle { nodes: machine.nodes, top, len: machine.at })
}

pub(super) struct Machine<'a> {
    pub file: &'a str,
    bytes: &'a [u8],
    at: usize,
    nodes: Vec<Node>,
    pub stack: Vec<Id>,
    /// Heights of the stack at marks.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl<'a> Machine<'a> {
    fn new(file: &'a str) -> Machine<'a> {
        let (nodes, stack, marks, memo) = (Vec::new(), Vec::new(), Vec::new(), HashMap::new());
        Machine { file, bytes: &[], at: 0, nodes, stack, marks, memo }
    }

    pub fn error(&self, reason: &str) -> Error {
        Error::malformed(self.file, format!("its pickle is wrong at byte {}: {reason}", self.at))
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], Error> {
        let end = self.at.checked_add(n);
        let found = end.and_then(|end| self.bytes.get(self.at..end));
        let found = found.ok_or_else(|| self.error("it ends too early"))?;
        self.at += n;
        Ok(found)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    fn line(&mut self) -> Result<&'a str, Error> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let n = rest.iter().position(|byte| *byte == b'\n');
        let n = n.ok_or_else(|| self.error("a line without an end"))?;
        let line = self.take(n + 1)?.get(..n).unwrap_or_default();
        std::str::from_utf8(line).map_err(|_| self.error("a name that is no text"))
    }

    fn text(&mut self, n: usize) -> Result<(), Error> {
        let text = std::str::from_utf8(self.take(n)?);
        let text = text.map_err(|_| self.error("a text that is not UTF-8"))?.to_owned();
        self.push(Node::Text(text))
    }

    pub fn push(&mut self, node: Node) -> Result<(), Error> {
        if self.nodes.len() >= MAX_NODES {
            return Err(self.error("more values than any model has"));
        }
        self.stack.push(self.nodes.len());
        self.nodes.push(node);
        Ok(())
    }

    pub fn pop(&mut self) -> Result<Id, Error> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len() > floor {
            true => self.stack.pop().ok_or_else(|| self.error("a value is missing")),
            false => Err(self.error("a value is missing")),
        }
    }

    /// All values above the last mark.
    fn pop_mark(&mut self) -> Result<Vec<Id>, Error> {
        let mark = self.marks.pop().ok_or_else(|| self.error("a mark is missing"))?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    fn pop_tuple(&mut self, n: usize) -> Result<(), Error> {
        let mut items = Vec::new();
        for _ in 0..n {
            items.push(self.pop()?);
        }
        items.reverse();
        self.push(Node::Tuple(items))
    }

    pub fn node(&self, id: Id) -> &Node {
        self.nodes.get(id).unwrap_or(&Node::Nothing)
    }

    /// The value on top, which stays there.
    pub fn peek(&mut self) -> Result<Id, Error> {
        let id = self.pop()?;
        self.stack.push(id);
        Ok(id)
    }

    /// Carries out one instruction; true for the last one.
    fn step(&mut self) -> Result<bool, Error> {
        let at = self.at;
        let [opcode] = self.array()?;
        match opcode {
            b'.' => return Ok(true),
            0x80 => drop(self.take(1)?),
            0x95 => drop(self.take(8)?),
            b'(' => self.marks.push(self.stack.len()),
            b'N' => self.push(Node::Nothing)?,
            0x88 => self.push(Node::Bool(true))?,
            0x89 => self.push(Node::Bool(false))?,
            b'K' | b'M' | b'J' | 0x8a | b'G' => self.number(opcode)?,
            b'X' | 0x8c | b'T' | b'U' => {
                let n = self.length(matches!(opcode, 0x8c | b'U'))?;
                self.text(n)?;
            }
            b']' => self.push(Node::List(Vec::new()))?,
            b'}' => self.push(Node::Dict(Vec::new()))?,
            b')' => self.push(Node::Tuple(Vec::new()))?,
            0x85..=0x87 => self.pop_tuple(usize::from(opcode - 0x84))?,
            b't' => {
                let items = self.pop_mark()?;
                self.push(Node::Tuple(items))?;
            }
            b'a' | b'e' => self.append(opcode == b'e')?,
            b's' | b'u' => self.set_items(opcode == b'u')?,
            b'q' | b'r' | 0x94 | b'h' | b'j' => self.memo(opcode)?,
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(module, name)?;
            }
            0x93 => self.stack_global()?,
            b'Q' => self.persistent()?,
            b'R' => self.reduce()?,
            b'b' => self.build()?,
            _ => return Err(Error::Opcode { file: self.file.to_owned(), opcode, at }),
        }
        Ok(false)
    }

    fn number(&mut self, opcode: u8) -> Result<(), Error> {
        let node = match opcode {
            b'K' => Node::Int(self.array::<1>()?.map(i64::from)[0]),
            b'M' => Node::Int(u16::from_le_bytes(self.array()?).into()),
            b'J' => Node::Int(i32::from_le_bytes(self.array()?).into()),
            b'G' => {
                self.take(8)?;
                Node::Nothing
            }
            _ => {
                let n = self.length(true)?;
                long(self.take(n)?)
            }
        };
        self.push(node)
    }

    fn length(&mut self, is_short: bool) -> Result<usize, Error> {
        Ok(match is_short {
            true => usize::from(u8::from_le_bytes(self.array()?)),
            false => usize::try_from(u32::from_le_bytes(self.array()?)).unwrap_or(usize::MAX),
        })
    }

    fn append(&mut self, several: bool) -> Result<(), Error> {
        let items = if several { self.pop_mark()? } else { vec![self.pop()?] };
        let list = self.peek()?;
        match self.nodes.get_mut(list) {
            Some(Node::List(list)) => list.extend(items),
            _ => return Err(self.error("something is appended to no list")),
        }
        Ok(())
    }

    fn set_items(&mut self, several: bool) -> Result<(), Error> {
        let items = match several {
            true => self.pop_mark()?,
            false => {
                let (value, key) = (self.pop()?, self.pop()?);
                vec![key, value]
            }
        };
        let (pairs, rest) = items.as_chunks::<2>();
        let dict = self.peek()?;
        match self.nodes.get_mut(dict) {
            Some(Node::Dict(dict)) if rest.is_empty() => {
                dict.extend(pairs.iter().map(|[key, value]| (*key, *value)));
            }
            _ => return Err(self.error("entries are set that are none, or in no dictionary")),
        }
        Ok(())
    }

    fn memo(&mut self, opcode: u8) -> Result<(), Error> {
        let key = match opcode {
            b'q' | b'h' => u32::from(u8::from_le_bytes(self.array()?)),
            b'r' | b'j' => u32::from_le_bytes(self.array()?),
            _ => u32::try_from(self.memo.len()).unwrap_or(u32::MAX),
        };
        if matches!(opcode, b'h' | b'j') {
            let id = self.memo.get(&key).copied();
            let id = id.ok_or_else(|| self.error("a value is used that was not kept"))?;
            self.stack.push(id);
            return self.check_stack();
        }
        let id = self.peek()?;
        self.memo.insert(key, id);
        Ok(())
    }

    /// Values that are used again cost an entry each.
    pub fn check_stack(&self) -> Result<(), Error> {
        match self.stack.len() > MAX_NODES {
            true => Err(self.error("more values than any model has")),
            false => Ok(()),
        }
    }
}

/// A whole number of any length.
fn long(bytes: &[u8]) -> Node {
    if bytes.len() > 8 {
        return Node::Long(bytes.to_vec());
    }
    let is_negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut all = [if is_negative { 0xff } else { 0 }; 8];
    for (to, from) in all.iter_mut().zip(bytes) {
        *to = *from;
    }
    Node::Int(i64::from_le_bytes(all))
}
