//! Arguments of filters and methods bound to names, positional or by keyword, as Python binds them.

use minijinja::value::{Kwargs, Rest, Value, ValueOrKwargs};
use minijinja::{Error, ErrorKind};

/// All arguments of a call, keywords as the last value.
pub(crate) type Given = Rest<ValueOrKwargs>;

/// The arguments as values.
pub(crate) fn plain(given: Given) -> Vec<Value> {
    given.0.into_iter().map(ValueOrKwargs::into_value).collect()
}

/// `args` bound to `names`; `None` where not given.
///
/// # Errors
/// More positional arguments than names, or a keyword that is not among them.
pub(crate) fn bind(args: &[Value], names: &[&str]) -> Result<Vec<Option<Value>>, Error> {
    let (positional, keywords) = match args.split_last() {
        Some((last, rest)) if last.is_kwargs() => (rest, Some(Kwargs::try_from(last.clone())?)),
        _ => (args, None),
    };
    if positional.len() > names.len() {
        return Err(Error::from(ErrorKind::TooManyArguments));
    }
    let mut bound: Vec<Option<Value>> = positional.iter().cloned().map(Some).collect();
    bound.resize(names.len(), None);
    if let Some(keywords) = keywords {
        for (name, slot) in names.iter().zip(&mut bound) {
            if keywords.has(name) {
                *slot = Some(keywords.get(name)?);
            }
        }
        keywords.assert_all_used()?;
    }
    Ok(bound)
}

/// The `n`th argument, if given and not none.
pub(crate) fn given(bound: &[Option<Value>], n: usize) -> Option<&Value> {
    bound.get(n).and_then(Option::as_ref).filter(|v| !v.is_none() && !v.is_undefined())
}

/// The `n`th argument as text.
pub(crate) fn text(bound: &[Option<Value>], n: usize) -> Result<Option<&str>, Error> {
    match given(bound, n) {
        None => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or_else(|| wrong("a string", value)),
    }
}

/// The `n`th argument as text that must be there.
pub(crate) fn required_text(bound: &[Option<Value>], n: usize) -> Result<&str, Error> {
    text(bound, n)?.ok_or_else(|| Error::from(ErrorKind::MissingArgument))
}

/// The `n`th argument as an integer.
pub(crate) fn integer(bound: &[Option<Value>], n: usize) -> Result<Option<i64>, Error> {
    match given(bound, n) {
        None => Ok(None),
        Some(value) => value.as_i64().map(Some).ok_or_else(|| wrong("an integer", value)),
    }
}

/// The `n`th argument as a truth value.
pub(crate) fn flag(bound: &[Option<Value>], n: usize) -> bool {
    given(bound, n).is_some_and(Value::is_true)
}

fn wrong(want: &str, got: &Value) -> Error {
    Error::new(
        ErrorKind::InvalidOperation,
        format!("expected {want}, got a value of type {}", got.kind()),
    )
}
