//! Python's operators, charged: what `lower` puts in the place of `+`, `~`, `%`, `x[1:]`, `in` ….
//!
//! Numbers are integers (128 bits; Python's are unbounded, overflow is an error here) or floats, and
//! booleans count as integers. What Python refuses (`'a' + 1`, `None < 2`) is refused with the same
//! reason, because templates are tested against Python and rely on what it does.

use std::cmp::Ordering;

use minijinja::formatting::{FormatStyle, format};
use minijinja::value::{Rest, Tuple, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State};

use crate::error::Stop;
use crate::limits::{MAX_FORMAT_WIDTH, NODE_BYTES};
use crate::{meter, text};

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
    let mut items = Vec::new();
    for item in value.try_iter()?.checked() {
        meter::make(state, NODE_BYTES)?;
        items.push(item?);
    }
    Ok(items)
}

fn sequence(items: Vec<Value>, tuple: bool) -> Value {
    if tuple { Value::from(Tuple::from(items)) } else { Value::from(items) }
}

fn add(state: &mut State<'_, '_>, terms: Rest<Value>) -> Result<Value, Error> {
    let mut terms = terms.0.into_iter();
    let Some(mut sum) = terms.next() else { return Ok(Value::UNDEFINED) };
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
    let Some(Num::Int(times)) = Num::of(times) else { return Err(type_error("*", &a, &b)) };
    let times = usize::try_from(times.max(0)).unwrap_or(usize::MAX);
    if let Some(text) = what.as_str() {
        meter::make(state, text.len().saturating_mul(times))?;
        return Ok(Value::from(text.repeat(times)));
    }
    if is_list(what) {
        let items = elements(state, what)?;
        meter::make(state, items.len().saturating_mul(times).saturating_mul(NODE_BYTES))?;
        let product = sequence(items.repeat(times), what.is_tuple());
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
        (Num::Int(a), Num::Int(b)) => {
            ints(a, b).map(int).ok_or_else(|| failed(&format!("{what} overflows or divides by zero")))
        }
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
        return printf(state, pattern, &args);
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

/// `'%s' % args`, with fields of bounded width.
pub(crate) fn printf(
    state: &mut State<'_, '_>,
    pattern: &str,
    args: &[Value],
) -> Result<Value, Error> {
    formatted(state, FormatStyle::Printf, pattern, args)
}

/// Python's two kinds of format strings, refusing fields that would be enormous.
pub(crate) fn formatted(
    state: &mut State<'_, '_>,
    style: FormatStyle,
    pattern: &str,
    args: &[Value],
) -> Result<Value, Error> {
    let mut number = 0usize;
    for byte in pattern.bytes() {
        number = match byte {
            b'0'..=b'9' => number.saturating_mul(10).saturating_add(usize::from(byte - b'0')),
            _ => 0,
        };
        if number > MAX_FORMAT_WIDTH {
            return Err(Stop::Output.wrap());
        }
    }
    let fields = pattern.bytes().filter(|b| matches!(b, b'{' | b'%')).count();
    // The formatter writes containers itself: charge what they could come to.
    let mut texts = Vec::with_capacity(args.len());
    let mut longest = 0;
    for arg in args {
        let plain = arg.is_number() || arg.is_kwargs() || arg.kind() == ValueKind::Bool;
        let arg = if plain { arg.clone() } else { Value::from(text::py_str(state, arg)?) };
        longest = longest.max(arg.as_str().map_or(64, str::len));
        texts.push(arg);
    }
    meter::make(state, pattern.len().saturating_add(fields.saturating_mul(longest)))?;
    meter::make(state, if fields > 64 { fields * MAX_FORMAT_WIDTH } else { 0 })?;
    format(style, pattern, &texts).map(Value::from)
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
        let Some(part) = needle.as_str() else { return Err(type_error("in", needle, haystack)) };
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

fn compare_one(
    state: &mut State<'_, '_>,
    op: &str,
    a: &Value,
    b: &Value,
) -> Result<bool, Error> {
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

/// What a `for` runs over.
fn iterate(state: &mut State<'_, '_>, value: Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default();
            meter::make(state, NODE_BYTES.saturating_mul(text.len()))?;
            Ok(text.chars().map(|c| Value::from(c.to_string())).collect())
        }
        ValueKind::Undefined | ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => Ok(value),
        kind => Err(failed(&format!("a value of type {kind} is not iterable"))),
    }
}

/// A value put into a `namespace()` attribute.
fn store(state: &mut State<'_, '_>, value: Value) -> Result<Value, Error> {
    if meter::is_namespace(&value) {
        return Err(Stop::Depth.wrap());
    }
    meter::weigh(state, &value, 0)?;
    Ok(value)
}

fn item(state: &mut State<'_, '_>, value: Value, key: Value) -> Result<Value, Error> {
    if value.is_undefined() {
        return Err(type_error("[]", &value, &key));
    }
    if let (Some(text), Some(Num::Int(at))) = (value.as_str(), Num::of(&key)) {
        meter::read(state, text.len())?;
        let n = i128::try_from(text.chars().count()).unwrap_or(i128::MAX);
        let at = usize::try_from(if at < 0 { at + n } else { at }).ok();
        let c = at.and_then(|at| text.chars().nth(at));
        return Ok(c.map_or(Value::UNDEFINED, |c| Value::from(c.to_string())));
    }
    Ok(value.get_item(&key).unwrap_or(Value::UNDEFINED))
}

/// The bounds of `x[start:stop:step]` over `n` elements: Python's `slice.indices`.
fn slice_indices(n: i128, start: Option<i128>, stop: Option<i128>, step: i128) -> Vec<usize> {
    let clamp = |at: i128, low: i128, high: i128| {
        (if at < 0 { at.saturating_add(n) } else { at }).clamp(low, high)
    };
    let (low, high) = if step > 0 { (0, n) } else { (-1, n - 1) };
    let from = start.map_or(if step > 0 { 0 } else { n - 1 }, |at| clamp(at, low, high));
    let to = stop.map_or(if step > 0 { n } else { -1 }, |at| clamp(at, low, high));
    let mut at = from;
    let mut indices = Vec::new();
    while (step > 0 && at < to) || (step < 0 && at > to) {
        indices.extend(usize::try_from(at));
        at = at.saturating_add(step);
    }
    indices
}

fn slice(
    state: &mut State<'_, '_>,
    value: Value,
    start: Value,
    stop: Value,
    step: Value,
) -> Result<Value, Error> {
    let bound = |v: &Value| match Num::of(v) {
        Some(Num::Int(n)) => Ok(Some(n)),
        _ if v.is_none() => Ok(None),
        _ => Err(failed("slice indices must be integers or None")),
    };
    let (start, stop, step) = (bound(&start)?, bound(&stop)?, bound(&step)?.unwrap_or(1));
    if step == 0 {
        return Err(failed("slice step cannot be zero"));
    }
    let length = |n: usize| i128::try_from(n).unwrap_or(i128::MAX);
    if let Some(text) = value.as_str() {
        meter::make(state, text.len().saturating_mul(12))?;
        let chars: Vec<char> = text.chars().collect();
        let indices = slice_indices(length(chars.len()), start, stop, step);
        return Ok(Value::from(indices.iter().filter_map(|&i| chars.get(i)).collect::<String>()));
    }
    if !is_list(&value) {
        return Err(type_error("[:]", &value, &value));
    }
    let items = elements(state, &value)?;
    let indices = slice_indices(length(items.len()), start, stop, step);
    let part = indices.iter().filter_map(|&i| items.get(i).cloned()).collect();
    Ok(sequence(part, value.is_tuple()))
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
    env.add_function("__cmp", compare);
    env.add_function("__iter", iterate);
    env.add_function("__store", store);
    env.add_function("__item", item);
    env.add_function("__slice", slice);
    env.add_function("__keep", meter::keep);
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
