//! `startswith`, `find` and their relatives.

use minijinja::value::Value;
use minijinja::{Error, ErrorKind};

use crate::strings::range;
use crate::{args, ops};

/// `startswith` and `endswith`, with one text or a tuple of them and an optional range.
pub(crate) fn affix(s: &str, start: bool, args: &[Value]) -> Result<Value, Error> {
    let bound = args::bind(args, &["affix", "start", "end"])?;
    let Some(what) = args::given(&bound, 0) else {
        return Err(Error::from(ErrorKind::MissingArgument));
    };
    let s = range(s, args::integer(&bound, 1)?, args::integer(&bound, 2)?).0;
    let matches = |affix: &str| {
        if start { s.starts_with(affix) } else { s.ends_with(affix) }
    };
    if let Some(affix) = what.as_str() {
        return Ok(Value::from(matches(affix)));
    }
    if !what.is_tuple() {
        return Err(ops::type_error("startswith", what, what));
    }
    let hit = what.try_iter()?.any(|affix| affix.as_str().is_some_and(matches));
    Ok(Value::from(hit))
}

/// `find` and its relatives: positions count characters.
pub(crate) fn search(s: &str, name: &str, args: &[Value]) -> Result<Value, Error> {
    let bound = args::bind(args, &["sub", "start", "end"])?;
    let what = args::required_text(&bound, 0)?;
    let (part, before) = range(s, args::integer(&bound, 1)?, args::integer(&bound, 2)?);
    if name == "count" {
        let count =
            if what.is_empty() { part.chars().count() + 1 } else { part.matches(what).count() };
        return Ok(Value::from(count));
    }
    let at = if name.starts_with('r') { part.rfind(what) } else { part.find(what) };
    let chars = at.and_then(|at| part.get(..at)).map(|p| before + p.chars().count());
    match chars {
        Some(at) => Ok(Value::from(at)),
        None if name.ends_with("find") => Ok(Value::from(-1)),
        None => Err(Error::new(ErrorKind::InvalidOperation, "substring not found")),
    }
}
