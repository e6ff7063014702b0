//! The interpreter, set up as Hugging Face sets up Jinja2.
//!
//! `trim_blocks` and `lstrip_blocks` on, no autoescape, no loader (a template cannot reach another
//! file), loop controls, `raise_exception`, `strftime_now`. Everything else a template may call is
//! listed here, in `filters`, `methods` and `ops`.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Rest, Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, State, machinery};

use crate::clock::Moment;
use crate::error::{self, Stop};
use crate::limits::{
    FUEL_PER_MESSAGE, MAX_FRAMES, MAX_FUEL, MAX_FUELED_MESSAGES, MAX_RANGE, NODE_BYTES,
};
use crate::{args, filters, lower, meter, methods, ops, scan, subscript, text};

/// Name of the only template in an environment.
pub(crate) const NAME: &str = "chat";

/// An environment holding `source`, ready to render.
///
/// # Errors
/// What `scan` and the parser refuse.
pub(crate) fn compile(source: &str) -> Result<Environment<'static>, crate::Error> {
    let prepared = scan::prepare(source)?;
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()
        .map_err(|e| error::from_interpreter(&e))?;
    let parsed =
        machinery::parse(&prepared, NAME, syntax).map_err(|e| error::from_interpreter(&e))?;
    let lowered = lower::lower(&parsed);
    let mut env = environment();
    check_names(&env, "filter", &lowered.filters)?;
    check_names(&env, "test", &lowered.tests)?;
    env.add_template_owned(NAME, lowered.source).map_err(|e| error::from_interpreter(&e))?;
    Ok(env)
}

/// The environment with steps for a conversation of `n_messages`.
pub(crate) fn with_fuel_for(env: &Environment<'static>, n_messages: usize) -> Environment<'static> {
    let mut env = env.clone();
    let n_messages = n_messages.min(MAX_FUELED_MESSAGES) as u64;
    env.set_fuel(Some(MAX_FUEL + n_messages * FUEL_PER_MESSAGE));
    env
}

/// Refuses names the environment does not have.
fn check_names(
    env: &Environment<'_>,
    kind: &str,
    names: &[(String, usize)],
) -> Result<(), crate::Error> {
    for (name, line) in names {
        let known = env.empty_state().perform_test(kind, &[Value::from(name.as_str())]);
        if !known.unwrap_or(false) {
            let detail = format!("there is no {kind} named {name}");
            return Err(crate::Error::TemplateSyntax { detail, line: *line });
        }
    }
    Ok(())
}

fn environment() -> Environment<'static> {
    let mut env = Environment::new();
    env.set_auto_escape_callback(|_| AutoEscape::None);
    env.set_fuel(Some(MAX_FUEL));
    env.set_recursion_limit(MAX_FRAMES);
    env.set_formatter(|out, state, value| {
        let text = text::py_str(state, value)?;
        out.write_str(&text).map_err(Error::from)
    });
    env.remove_global("debug");
    ops::register(&mut env);
    subscript::register(&mut env);
    methods::register(&mut env);
    filters::register(&mut env);
    env.add_function("range", range);
    env.add_function("raise_exception", |message: Value| -> Result<Value, Error> {
        Err(Stop::Raised(message.to_string()).wrap())
    });
    env.add_function("joiner", minijinja_contrib::globals::joiner);
    env.add_function("cycler", |items: Rest<Value>| minijinja_contrib::globals::cycler(items.0));
    env.add_function("dict", dict);
    tests(&mut env);
    env
}

/// Tests whose answers differ from Python's types otherwise.
fn tests(env: &mut Environment<'_>) {
    env.add_test("sequence", |v: Value| {
        matches!(v.kind(), ValueKind::Seq | ValueKind::String | ValueKind::Map)
            && !meter::is_namespace(&v)
    });
    env.add_test("iterable", |v: Value| {
        matches!(
            v.kind(),
            ValueKind::Seq
                | ValueKind::Iterable
                | ValueKind::String
                | ValueKind::Map
                | ValueKind::Undefined
        )
    });
    env.add_test("mapping", |v: Value| v.kind() == ValueKind::Map && !meter::is_namespace(&v));
    env.add_test("number", |v: Value| matches!(v.kind(), ValueKind::Number | ValueKind::Bool));
    env.add_test("integer", |v: Value| v.is_integer() && v.kind() == ValueKind::Number);
    env.add_test("float", |v: Value| v.kind() == ValueKind::Number && !v.is_integer());
    env.add_test("callable", |v: Value| v.kind() == ValueKind::Plain);
    env.add_test("in", |state: &mut State<'_, '_>, a: Value, b: Value| {
        ops::contains(state, &b, &a)
    });
    for name in ["eq", "equalto", "=="] {
        env.add_test(name, |state: &mut State<'_, '_>, a: Value, b: Value| {
            ops::equal(state, &a, &b)
        });
    }
    for name in ["ne", "!="] {
        env.add_test(name, |state: &mut State<'_, '_>, a: Value, b: Value| {
            ops::equal(state, &a, &b).map(|equal| !equal)
        });
    }
}

/// Python's `dict`: from a dictionary or a list of pairs, and from keywords.
fn dict(state: &mut State<'_, '_>, given: args::Given) -> Result<Value, Error> {
    let mut pairs: Vec<(Value, Value)> = Vec::new();
    for arg in args::plain(given) {
        meter::weigh(state, &arg, 0)?;
        if let Some(object) = arg.as_object().filter(|_| arg.kind() == ValueKind::Map) {
            pairs.extend(object.try_iter_pairs().into_iter().flatten());
            continue;
        }
        for pair in ops::elements(state, &arg)? {
            pairs.push((pair.get_item_by_index(0)?, pair.get_item_by_index(1)?));
        }
    }
    Ok(Value::from_pairs(pairs))
}

/// Python's `range`, as a list of bounded length.
fn range(state: &mut State<'_, '_>, args: Rest<i64>) -> Result<Value, Error> {
    let (start, stop, step) = match *args.0 {
        [stop] => (0, stop, 1),
        [start, stop] => (start, stop, 1),
        [start, stop, step] if step != 0 => (start, stop, step),
        _ => return Err(Error::from(minijinja::ErrorKind::MissingArgument)),
    };
    let distance = if step > 0 { stop.saturating_sub(start) } else { start.saturating_sub(stop) };
    let count = u64::try_from(distance).unwrap_or(0).div_ceil(step.unsigned_abs());
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count > MAX_RANGE {
        return Err(Stop::Fuel.wrap());
    }
    meter::make(state, count * NODE_BYTES)?;
    let numbers = std::iter::successors(Some(start), |n| n.checked_add(step));
    Ok(numbers.take(count).map(Value::from).collect())
}

/// `strftime_now(format)` at `now`.
pub(crate) fn strftime_now(now: Moment) -> Value {
    Value::from_function(move |format: &str| now.strftime(format))
}
