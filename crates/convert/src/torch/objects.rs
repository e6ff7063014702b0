//! What a pickle of tensors is made of beside plain values: names, storages, tensors.

use super::globals::{Global, find};
use super::pickle::{Id, Machine, Node};
use crate::error::{Error, shown};

/// Dimensions of a tensor.
const MAX_DIMS: usize = 8;

impl Machine<'_> {
    pub fn global(&mut self, module: &str, name: &str) -> Result<(), Error> {
        match find(module, name) {
            Some(global) => self.push(Node::Global(global)),
            None => {
                let global = shown(&format!("{module}.{name}"));
                Err(Error::Global { file: self.file.to_owned(), global })
            }
        }
    }

    pub fn stack_global(&mut self) -> Result<(), Error> {
        let (name, module) = (self.pop()?, self.pop()?);
        match (self.node(module).clone(), self.node(name).clone()) {
            (Node::Text(module), Node::Text(name)) => self.global(&module, &name),
            _ => Err(self.error("a name that is no text")),
        }
    }

    /// ("storage", type, key, place, number of elements, …)
    pub fn persistent(&mut self) -> Result<(), Error> {
        let id = self.pop()?;
        let wrong = || self.error("a storage that is not described as one");
        let Node::Tuple(items) = self.node(id) else { return Err(wrong()) };
        let [kind, dtype, key, _place, n, ..] = items.as_slice() else { return Err(wrong()) };
        let is_storage = *self.node(*kind) == Node::Text("storage".to_owned());
        let (Node::Global(Global::Storage(dtype)), Node::Text(key), Node::Int(n)) =
            (self.node(*dtype), self.node(*key), self.node(*n))
        else {
            return Err(wrong());
        };
        let n = u64::try_from(*n).map_err(|_| wrong())?;
        if !is_storage {
            return Err(wrong());
        }
        let node = Node::Storage { dtype: *dtype, key: key.clone(), n };
        self.push(node)
    }

    pub fn reduce(&mut self) -> Result<(), Error> {
        let (arguments, callee) = (self.pop()?, self.pop()?);
        let wrong = || self.error("a value is made of nothing that this reader knows");
        let (Node::Global(global), Node::Tuple(items)) = (self.node(callee), self.node(arguments))
        else {
            return Err(wrong());
        };
        let node = match (global, items.as_slice()) {
            (Global::OrderedDict, []) => Node::Dict(Vec::new()),
            (Global::OrderedDict, [list]) => self.pairs(*list).ok_or_else(wrong)?,
            // What it is made of is what it is: the same value, not a copy.
            (Global::Size, [inner]) | (Global::RebuildParameter, [inner, ..]) => {
                let inner = *inner;
                self.stack.push(inner);
                return self.check_stack();
            }
            (Global::RebuildTensor, [storage, first, size, stride, ..]) => {
                self.tensor(*storage, *first, *size, *stride).ok_or_else(wrong)?
            }
            _ => return Err(wrong()),
        };
        self.push(node)
    }

    /// The entries of a dictionary given as a list of pairs.
    fn pairs(&self, list: Id) -> Option<Node> {
        let Node::List(items) = self.node(list) else { return None };
        let pair = |id: &Id| match self.node(*id) {
            Node::Tuple(pair) | Node::List(pair) => match pair.as_slice() {
                [key, value] => Some((*key, *value)),
                _ => None,
            },
            _ => None,
        };
        Some(Node::Dict(items.iter().map(pair).collect::<Option<_>>()?))
    }

    fn tensor(&self, storage: Id, first: Id, size: Id, stride: Id) -> Option<Node> {
        let whole = |id: Id| match self.node(id) {
            Node::Int(n) => u64::try_from(*n).ok(),
            _ => None,
        };
        // Longer lists than any tensor has are cut off before they are copied.
        let list = |id: Id| match self.node(id) {
            Node::Tuple(items) if items.len() <= MAX_DIMS => {
                items.iter().map(|item| whole(*item)).collect::<Option<Vec<u64>>>()
            }
            _ => None,
        };
        let Node::Storage { .. } = self.node(storage) else { return None };
        let (size, stride) = (list(size)?, list(stride)?);
        (size.len() == stride.len()).then_some(())?;
        Some(Node::Tensor { storage, first: whole(first)?, size, stride })
    }

    /// Attributes of a dictionary or a tensor: not needed, so not kept.
    pub fn build(&mut self) -> Result<(), Error> {
        self.pop()?;
        let id = self.peek()?;
        match self.node(id) {
            Node::Dict(_) | Node::Tensor { .. } => Ok(()),
            _ => Err(self.error("attributes are set where there are none")),
        }
    }
}
