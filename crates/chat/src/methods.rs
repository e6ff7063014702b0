//! Methods of Python's `str`, `list` and `dict`, which templates call freely.
//!
//! Two rules of Jinja2 that the interpreter does not have: `d.items` finds the method before the
//! key `"items"` (tool schemas have such keys), and whatever would change a value is refused,
//! because Hugging Face runs templates in an immutable sandbox.

use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr, Tuple, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State};

use crate::limits::NODE_BYTES;
use crate::strings::{self, Side};
use crate::{args, format, meter, ops, search, text};

const STR: &[&str] = &[
    "capitalize",
    "casefold",
    "center",
    "count",
    "encode",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "translate",
    "upper",
    "zfill",
];
const LIST: &[&str] = &["copy", "count", "index"];
const DICT: &[&str] = &["copy", "get", "items", "keys", "values"];
/// Methods that change their object: refused, whatever the object.
const MUTATORS: &[&str] = &[
    "append",
    "clear",
    "extend",
    "insert",
    "pop",
    "popitem",
    "remove",
    "reverse",
    "setdefault",
    "sort",
    "update",
];

/// Whether `x.name` may mean a method of one of Python's types.
pub(crate) fn is_python_method(name: &str) -> bool {
    [STR, LIST, DICT, MUTATORS].iter().any(|names| names.contains(&name))
}

fn has_method(value: &Value, name: &str) -> bool {
    match value.kind() {
        ValueKind::String => STR.contains(&name),
        ValueKind::Seq => LIST.contains(&name) || (!value.is_tuple() && is_list_mutator(name)),
        ValueKind::Map if is_plain_dict(value) => DICT.contains(&name) || is_dict_mutator(name),
        _ => false,
    }
}

fn is_list_mutator(name: &str) -> bool {
    MUTATORS.contains(&name) && !matches!(name, "popitem" | "setdefault" | "update")
}

fn is_dict_mutator(name: &str) -> bool {
    matches!(name, "clear" | "pop" | "popitem" | "setdefault" | "update")
}

/// A dictionary, and not an object of the interpreter that looks like one (`loop`, a namespace).
fn is_plain_dict(value: &Value) -> bool {
    value.as_object().is_some_and(|object| {
        let name = object.type_name();
        object.repr() == ObjectRepr::Map
            && !["Namespace", "Loop", "Macro"].iter().any(|t| name.ends_with(t))
    })
}

/// `x.upper` without a call: true, printable, callable.
#[derive(Debug)]
struct Bound {
    object: Value,
    name: String,
}

impl Object for Bound {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        call_method(state, &self.object, &self.name, args)
    }

    fn render(self: &Arc<Self>, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<built-in method {} of {} object>", self.name, self.object.kind())
    }
}

/// `x.name`, where the name is that of some method.
fn attribute(object: Value, name: String) -> Result<Value, Error> {
    if has_method(&object, &name) {
        return Ok(Value::from_object(Bound { object, name }));
    }
    if object.is_undefined() {
        return Err(ops::type_error(&name, &object, &object));
    }
    Ok(object.get_attr(&name).unwrap_or(Value::UNDEFINED))
}

fn call(
    state: &mut State<'_, '_>,
    object: Value,
    name: &str,
    args: args::Given,
) -> Result<Value, Error> {
    let result = call_method(state, &object, name, &args::plain(args))?;
    meter::keep(state, result)
}

fn call_method(
    state: &mut State<'_, '_>,
    object: &Value,
    name: &str,
    args: &[Value],
) -> Result<Value, Error> {
    if object.is_undefined() {
        return Err(ops::type_error(name, object, object));
    }
    if !has_method(object, name) {
        return object.call_method(state, name, args);
    }
    if MUTATORS.contains(&name) {
        return Err(Error::new(
            ErrorKind::InvalidOperation,
            format!("{name} would change a value, which templates may not"),
        ));
    }
    match object.kind() {
        ValueKind::String => {
            // Python's strings are shared: a method never changes its object.
            let text: Arc<str> = object.to_str().unwrap_or_default();
            meter::read(state, text.len())?;
            string_method(state, &text, name, args)
        }
        ValueKind::Map => dict_method(state, object, name, args),
        _ => list_method(state, object, name, args),
    }
}

fn list_method(
    state: &mut State<'_, '_>,
    list: &Value,
    name: &str,
    args: &[Value],
) -> Result<Value, Error> {
    let items = ops::elements(state, list)?;
    if name == "copy" {
        return Ok(Value::from(items));
    }
    let [what, ..] = args else {
        return Err(Error::from(ErrorKind::MissingArgument));
    };
    let mut count = 0;
    for (n, item) in items.iter().enumerate() {
        if ops::equal(state, item, what)? {
            if name == "index" {
                return Ok(Value::from(n));
            }
            count += 1;
        }
    }
    if name == "index" {
        return Err(Error::new(ErrorKind::InvalidOperation, "the value is not in the list"));
    }
    Ok(Value::from(count))
}

fn dict_method(
    state: &mut State<'_, '_>,
    dict: &Value,
    name: &str,
    args: &[Value],
) -> Result<Value, Error> {
    let Some(object) = dict.as_object() else {
        return Ok(Value::UNDEFINED);
    };
    if name == "get" {
        let bound = args::bind(args, &["key", "default"])?;
        let key = bound.first().cloned().flatten().unwrap_or_default();
        let default = bound.get(1).cloned().flatten().unwrap_or(Value::from(()));
        return Ok(object.get_value(&key).unwrap_or(default));
    }
    args::bind(args, &[])?;
    meter::make(state, NODE_BYTES.saturating_mul(2 * (1 + dict.len().unwrap_or(0))))?;
    let pairs = object.try_iter_pairs().into_iter().flatten();
    Ok(match name {
        "keys" => pairs.map(|(k, _)| k).collect(),
        "values" => pairs.map(|(_, v)| v).collect(),
        "items" => pairs.map(|(k, v)| Value::from(Tuple::from([k, v]))).collect(),
        _ => Value::from_pairs(pairs),
    })
}

fn string_method(
    state: &mut State<'_, '_>,
    s: &str,
    name: &str,
    args: &[Value],
) -> Result<Value, Error> {
    match name {
        "format" => return format::str_format(state, s, args),
        "join" => return join(state, s, args),
        "startswith" | "endswith" => return search::affix(s, name == "startswith", args),
        "split" | "rsplit" => {
            let bound = args::bind(args, &["sep", "maxsplit"])?;
            let limit = args::integer(&bound, 1)?.and_then(|n| usize::try_from(n).ok());
            return strings::split(state, s, args::text(&bound, 0)?, limit, name == "rsplit");
        }
        "splitlines" => {
            let bound = args::bind(args, &["keepends"])?;
            return strings::splitlines(state, s, args::flag(&bound, 0));
        }
        "replace" => {
            let bound = args::bind(args, &["old", "new", "count"])?;
            let (old, new) = (args::required_text(&bound, 0)?, args::required_text(&bound, 1)?);
            let count = args::integer(&bound, 2)?.and_then(|n| usize::try_from(n).ok());
            return strings::replace(state, s, old, new, count).map(Value::from);
        }
        "strip" | "lstrip" | "rstrip" => {
            let bound = args::bind(args, &["chars"])?;
            let side = match name {
                "lstrip" => Side::Left,
                "rstrip" => Side::Right,
                _ => Side::Both,
            };
            return Ok(Value::from(strings::strip(s, args::text(&bound, 0)?, side)));
        }
        "find" | "rfind" | "index" | "rindex" | "count" => return search::search(s, name, args),
        "partition" | "rpartition" => {
            let bound = args::bind(args, &["sep"])?;
            return Ok(strings::partition(
                s,
                args::required_text(&bound, 0)?,
                name == "rpartition",
            ));
        }
        "removeprefix" | "removesuffix" => {
            let bound = args::bind(args, &["affix"])?;
            let affix = args::required_text(&bound, 0)?;
            let rest =
                if name == "removeprefix" { s.strip_prefix(affix) } else { s.strip_suffix(affix) };
            return Ok(Value::from(rest.unwrap_or(s)));
        }
        "center" | "ljust" | "rjust" | "zfill" => {
            let bound = args::bind(args, &["width", "fillchar"])?;
            let width =
                args::integer(&bound, 0)?.and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
            return strings::pad(state, s, name, width, args::text(&bound, 1)?);
        }
        _ => {}
    }
    args::bind(args, &[])?;
    meter::make(state, s.len().saturating_mul(2))?;
    strings::simple(s, name).ok_or_else(|| Error::from(ErrorKind::UnknownMethod))
}

fn join(state: &mut State<'_, '_>, separator: &str, args: &[Value]) -> Result<Value, Error> {
    let [list] = args else {
        return Err(Error::from(ErrorKind::MissingArgument));
    };
    let mut out = String::new();
    let list = strings::characters(state, list)?;
    for (n, item) in list.try_iter()?.checked().enumerate() {
        let item = item?;
        if item.as_str().is_none() {
            return Err(ops::type_error("join", &item, &list));
        }
        if n > 0 {
            meter::make(state, separator.len())?;
            out.push_str(separator);
        }
        text::write_str(state, &item, &mut out)?;
    }
    Ok(Value::from(out))
}

/// Registers attribute access and method calls under the names `lower` prints.
pub(crate) fn register(env: &mut Environment<'_>) {
    env.add_function("__attr", attribute);
    env.add_function("__call", call);
}
