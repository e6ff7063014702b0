//! Python's operators, charged: what `lower` puts in the place of `+`, `~`, `%`, `x[1:]`, `in` ….
//!
//! Numbers are integers (128 bits; Python's are unbounded, overflow is an error here) or floats,
//! and booleans count as integers. What Python refuses (`'a' + 1`, `None < 2`) is refused with the
//! same reason, because templates are tested against Python and rely on what it does.

use std::cmp::Ordering;

use minijinja::value::{Rest, Tuple, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State};

use crate::limits::NODE_BYTES;
use crate::{format, meter, text};

/// A number as Python sees it.
#[derive(Clone, Copy)]
enum Num {
    Int(i128),
    Float(f64),
}

impl Num {
    fn of(value: &Value) -> Option<Num> {
        match value.kind() {
            ValueKind::Bool => Some(Num::Int(i128::from(value.is_true()))),
            ValueKind::Number if value.is_integer() => {
                i128::try_from(value.clone()).ok().map(Num::Int)
            }
            ValueKind::Number => f64::try_from(value.clone()).ok().map(Num::Float),
            _ => None,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "Python's int to float conversion rounds too")]
    fn float(self) -> f64 {
        match self {
            Num::Int(n) => n as f64,
            Num::Float(x) => x,
        }
    }
}

fn int(value: i128) -> Value {
    i64::try_from(value).map_or_else(|_| Value::from(value), Value::from)
}

/// `TypeError`, or Jinja2's complaint about an undefined operand.
pub(crate) fn type_error(what: &str, a: &Value, b: &Value) -> Error {
    if a.is_undefined() || b.is_undefined() {
        return Error::new(ErrorKind::UndefinedError, format!("{what} on an undefined value"));
    }
    let detail = format!("unsupported operand types for {what}: {} and {}", a.kind(), b.kind());
    Error::new(ErrorKind::InvalidOperation, detail)
}

fn failed(what: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, what.to_owned())
}

fn is_list(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable)
}

/// The elements of a list, charged as a new list.
pub(crate) fn elements(state: &mut State<'_, '_>, value: &Value) -> Result<Vec<Value>, Error> {
    if value.is_none() {
        return Err(failed("None is not iterable"));
    }
    let mut items = Vec::new();
    for item in value.try_iter()?.checked() {
        meter::make(state, NODE_BYTES)?;
        items.push(item?);
    }
    Ok(items)
}

pub(crate) fn sequence(items: Vec<Value>, tuple: bool) -> Value {
    if tuple { Value::from(Tuple::from(items)) } else { Value::from(items) }
}

fn add(state: &mut State<'_, '_>, terms: Rest<Value>) -> Result<Value, Error> {
    let mut terms = terms.0.into_iter();
    let Some(mut sum) = terms.next() else {
        return Ok(Value::UNDEFINED);
    };
    // Text that is still growing: one buffer for the whole chain.
    let mut buffer: Option<String> = None;
    for term in terms {
        let plain = !sum.is_safe() && !term.is_safe();
        let next = term.as_str().filter(|_| plain && sum.as_str().is_some());
        if let (Some(next), Some(first)) = (next, sum.as_str()) {
            let start = buffer.is_none();
            meter::make(state, next.len() + if start { first.len() } else { 0 })?;
            buffer.get_or_insert_with(|| first.to_owned()).push_str(next);
            continue;
        }
        let left = buffer.take().map_or_else(|| sum.clone(), Value::from);
        sum = add_two(state, &left, &term)?;
    }
    Ok(buffer.map_or(sum, Value::from))
}

fn add_two(state: &mut State<'_, '_>, a: &Value, b: &Value) -> Result<Value, Error> {
    if let (Some(x), Some(y)) = (a.as_str(), b.as_str()) {
        // Markup: the side that is not marked safe is escaped.
        meter::make(state, 6 * (x.len() + y.len()))?;
        let side = |v: &Value, s: &str| {
            if v.is_safe() { s.to_owned() } else { crate::filters::escape_html(s) }
        };
        return Ok(Value::from_safe_string(side(a, x) + &side(b, y)));
    }
    match (Num::of(a), Num::of(b)) {
        (Some(Num::Int(x)), Some(Num::Int(y))) => {
            x.checked_add(y).map(int).ok_or_else(|| failed("integer overflow"))
        }
        (Some(x), Some(y)) => Ok(Value::from(x.float() + y.float())),
        _ if is_list(a) && is_list(b) && a.is_tuple() == b.is_tuple() => {
            let mut items = elements(state, a)?;
            items.extend(elements(state, b)?);
            let sum = sequence(items, a.is_tuple());
            meter::weigh(state, &sum, 0)?;
            Ok(sum)
        }
        _ => Err(type_error("+", a, b)),
    }
}

fn concat(state: &mut State<'_, '_>, terms: Rest<Value>) -> Result<Value, Error> {
    let mut out = String::new();
    for term in terms.iter() {
        text::write_str(state, term, &mut out)?;
    }
    Ok(Value::from(out))
}

fn mul(state: &mut State<'_, '_>, a: Value, b: Value) -> Result<Value, Error> {
    if let (Some(x), Some(y)) = (Num::of(&a), Num::of(&b)) {
        return arithmetic("*", x, y, i128::checked_mul, |x, y| x * y);
    }
    let (what, times) = if Num::of(&b).is_some() { (&a, &b) } else { (&b, &a) };
    let Some(Num::Int(times)) = Num::of(times) else {
        return Err(type_error("*", &a, &b));
    };
    let times = usize::try_from(times.max(0)).unwrap_or(usize::MAX);
    if let Some(text) = what.as_str() {
        meter::make(state, text.len().saturating_mul(times))?;
        return Ok(Value::from(text.repeat(times)));
    }
    if is_list(what) {
        let items = elements(state, what)?;
        let count = items.len().saturating_mul(times);
        meter::make(state, count.saturating_mul(NODE_BYTES))?;
        let repeated = items.iter().cycle().take(count).cloned().collect();
        let product = sequence(repeated, what.is_tuple());
        meter::weigh(state, &product, 0)?;
        return Ok(product);
    }
    Err(type_error("*", &a, &b))
}

fn arithmetic(
    what: &str,
    a: Num,
    b: Num,
    ints: fn(i128, i128) -> Option<i128>,
    floats: fn(f64, f64) -> f64,
) -> Result<Value, Error> {
    match (a, b) {
        (Num::Int(a), Num::Int(b)) => ints(a, b)
            .map(int)
            .ok_or_else(|| failed(&format!("{what} overflows or divides by zero"))),
        (a, b) => Ok(Value::from(floats(a.float(), b.float()))),
    }
}

fn sub(a: Value, b: Value) -> Result<Value, Error> {
    match (Num::of(&a), Num::of(&b)) {
        (Some(x), Some(y)) => arithmetic("-", x, y, i128::checked_sub, |x, y| x - y),
        _ => Err(type_error("-", &a, &b)),
    }
}

fn div(a: Value, b: Value) -> Result<Value, Error> {
    match (Num::of(&a), Num::of(&b)) {
        (Some(_), Some(y)) if y.float() == 0.0 => Err(failed("division by zero")),
        (Some(x), Some(y)) => Ok(Value::from(x.float() / y.float())),
        _ => Err(type_error("/", &a, &b)),
    }
}

fn floor_div(a: Value, b: Value) -> Result<Value, Error> {
    match (Num::of(&a), Num::of(&b)) {
        (Some(_), Some(y)) if y.float() == 0.0 => Err(failed("division by zero")),
        (Some(x), Some(y)) => {
            let ints = |a: i128, b: i128| {
                let (q, r) = (a.checked_div(b)?, a.checked_rem(b)?);
                if r != 0 && (r < 0) != (b < 0) { q.checked_sub(1) } else { Some(q) }
            };
            arithmetic("//", x, y, ints, |x, y| (x / y).floor())
        }
        _ => Err(type_error("//", &a, &b)),
    }
}

fn modulo(state: &mut State<'_, '_>, a: Value, b: Value) -> Result<Value, Error> {
    if let Some(pattern) = a.as_str() {
        let args = if b.is_tuple() { elements(state, &b)? } else { vec![b] };
        return format::printf(state, pattern, &args);
    }
    match (Num::of(&a), Num::of(&b)) {
        (Some(_), Some(y)) if y.float() == 0.0 => Err(failed("modulo by zero")),
        (Some(x), Some(y)) => {
            let ints = |a: i128, b: i128| {
                let r = a.checked_rem(b)?;
                if r != 0 && (r < 0) != (b < 0) { r.checked_add(b) } else { Some(r) }
            };
            arithmetic("%", x, y, ints, |x, y| x - y * (x / y).floor())
        }
        _ => Err(type_error("%", &a, &b)),
    }
}

fn neg(a: Value) -> Result<Value, Error> {
    match Num::of(&a) {
        Some(Num::Int(n)) => n.checked_neg().map(int).ok_or_else(|| failed("integer overflow")),
        Some(Num::Float(x)) => Ok(Value::from(-x)),
        None => Err(type_error("unary -", &a, &a)),
    }
}

fn pow(a: Value, b: Value) -> Result<Value, Error> {
    match (Num::of(&a), Num::of(&b)) {
        (Some(Num::Int(x)), Some(Num::Int(y))) if y >= 0 => u32::try_from(y)
            .ok()
            .and_then(|y| x.checked_pow(y))
            .map(int)
            .ok_or_else(|| failed("integer overflow")),
        (Some(x), Some(y)) => Ok(Value::from(x.float().powf(y.float()))),
        _ => Err(type_error("**", &a, &b)),
    }
}

/// Charges for comparing two values.
fn read_both(state: &mut State<'_, '_>, a: &Value, b: &Value) -> Result<(), Error> {
    let length = |v: &Value| v.as_str().map(str::len);
    match (length(a), length(b)) {
        (Some(a), Some(b)) => meter::read(state, a.min(b)),
        (Some(_), None) | (None, Some(_)) => Ok(()),
        (None, None) => meter::weigh(state, a, 0).map(|_| ()),
    }
}

pub(crate) fn equal(state: &mut State<'_, '_>, a: &Value, b: &Value) -> Result<bool, Error> {
    read_both(state, a, b)?;
    Ok(match (Num::of(a), Num::of(b)) {
        (Some(Num::Int(x)), Some(Num::Int(y))) => x == y,
        (Some(x), Some(y)) => x.float() == y.float(),
        _ => a == b,
    })
}

fn order(state: &mut State<'_, '_>, a: &Value, b: &Value, what: &str) -> Result<Ordering, Error> {
    read_both(state, a, b)?;
    if let (Some(x), Some(y)) = (a.as_str(), b.as_str()) {
        return Ok(x.cmp(y));
    }
    match (Num::of(a), Num::of(b)) {
        (Some(Num::Int(x)), Some(Num::Int(y))) => Ok(x.cmp(&y)),
        (Some(x), Some(y)) => Ok(x.float().partial_cmp(&y.float()).unwrap_or(Ordering::Equal)),
        _ if is_list(a) && is_list(b) && a.is_tuple() == b.is_tuple() => Ok(a.cmp(b)),
        _ => Err(type_error(what, a, b)),
    }
}

/// `needle in haystack`.
pub(crate) fn contains(
    state: &mut State<'_, '_>,
    haystack: &Value,
    needle: &Value,
) -> Result<bool, Error> {
    if let Some(text) = haystack.as_str() {
        let Some(part) = needle.as_str() else {
            return Err(type_error("in", needle, haystack));
        };
        meter::read(state, text.len())?;
        return Ok(text.contains(part));
    }
    match haystack.kind() {
        ValueKind::Undefined => Ok(false),
        ValueKind::Map => {
            let object = haystack.as_object();
            Ok(object.is_some_and(|object| object.get_value(needle).is_some()))
        }
        ValueKind::Seq | ValueKind::Iterable => {
            for item in haystack.try_iter()?.checked() {
                meter::read(state, NODE_BYTES)?;
                if equal(state, &item?, needle)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        _ => Err(type_error("in", needle, haystack)),
    }
}

fn compare_one(state: &mut State<'_, '_>, op: &str, a: &Value, b: &Value) -> Result<bool, Error> {
    Ok(match op {
        "==" => equal(state, a, b)?,
        "!=" => !equal(state, a, b)?,
        "<" => order(state, a, b, op)?.is_lt(),
        "<=" => order(state, a, b, op)?.is_le(),
        ">" => order(state, a, b, op)?.is_gt(),
        ">=" => order(state, a, b, op)?.is_ge(),
        "in" => contains(state, b, a)?,
        _ => !contains(state, b, a)?,
    })
}

/// `a < b < c`: the operators in one string, then the operands.
fn compare(state: &mut State<'_, '_>, ops: &str, terms: Rest<Value>) -> Result<bool, Error> {
    for (op, pair) in ops.split_terminator(',').zip(terms.windows(2)) {
        let [a, b] = pair else { continue };
        if !compare_one(state, op, a, b)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Registers every operator under the name `lower` prints.
pub(crate) fn register(env: &mut Environment<'_>) {
    env.add_function("__add", add);
    env.add_function("__concat", concat);
    env.add_function("__mul", mul);
    env.add_function("__sub", sub);
    env.add_function("__div", div);
    env.add_function("__floordiv", floor_div);
    env.add_function("__mod", modulo);
    env.add_function("__pow", pow);
    env.add_function("__neg", neg);
    env.add_function("__cmp", compare);
    for (name, op) in [
        ("__eq", "=="),
        ("__ne", "!="),
        ("__lt", "<"),
        ("__le", "<="),
        ("__gt", ">"),
        ("__ge", ">="),
        ("__in", "in"),
    ] {
        env.add_function(name, move |state: &mut State<'_, '_>, a: Value, b: Value| {
            compare_one(state, op, &a, &b)
        });
    }
}
