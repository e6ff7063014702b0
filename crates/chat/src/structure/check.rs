//! A look at a grammar before the compiler sees it.
//!
//! The compiler is recursive, and its recursion follows the input; it reads keywords it cannot
//! enforce as annotations where a draft does not know them. This pass bounds depth and size, names
//! the first keyword that would not be enforced, and refuses references to other documents.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};

use super::error::Error;

/// Deepest nesting of a schema's JSON. Each level of schema is two of JSON; deeply nested real ones
/// (Kubernetes, FHIR) stay under 30.
pub const MAX_SCHEMA_DEPTH: usize = 64;
/// Most JSON values in a schema, names of properties included. The largest in use (FHIR) has about
/// 150 000.
pub const MAX_SCHEMA_VALUES: usize = 250_000;
/// Most entries of one `enum`, `anyOf`, `oneOf`, `allOf` or `properties`.
pub const MAX_ENTRIES: usize = 20_000;
/// Largest count in a schema (`maxLength`, `minItems` …). Larger minimums would never end; larger
/// maximums are no bounds.
pub const MAX_REPEAT: u64 = 1_000_000;
/// Longest regular expression or Lark grammar, in bytes.
pub const MAX_GRAMMAR_BYTES: usize = 128 * 1024;
/// Deepest nesting of brackets in a Lark grammar or regular expression.
pub const MAX_GRAMMAR_DEPTH: usize = 64;
/// Most rules of a Lark grammar: rules may refer to each other in one long chain.
pub const MAX_RULES: usize = 500;

/// Keywords of JSON Schema, of any draft, that would have to be enforced and cannot be. Of the
/// rest the compiler enforces what says something about validity; others are annotations.
const NOT_ENFORCED: &[&str] = &[
    "not",
    "if",
    "then",
    "else",
    "contains",
    "minContains",
    "maxContains",
    "uniqueItems",
    "propertyNames",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "unevaluatedItems",
    "unevaluatedProperties",
    "$dynamicRef",
    "$recursiveRef",
    "divisibleBy",
    "disallow",
    "extends",
    // An extension of the compiler, by which it could be told to ignore errors.
    "x-guidance",
];

/// Keywords with one schema, with a list of them, and with one per name.
pub(super) const WITH_SCHEMA: &[&str] = &["items", "additionalItems", "additionalProperties"];
pub(super) const WITH_LIST: &[&str] = &["anyOf", "oneOf", "allOf", "prefixItems", "items"];
pub(super) const WITH_NAMED: &[&str] = &["properties", "patternProperties", "$defs", "definitions"];
/// Keywords that count.
const COUNTS: &[&str] =
    &["minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"];

fn size(what: &'static str, need: usize, max: usize) -> Result<(), Error> {
    let big = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    if need > max { Err(Error::Size { what, need: big(need), max: big(max) }) } else { Ok(()) }
}

/// Refuses a schema that is too deep or too large, or says what cannot be enforced.
pub(super) fn schema(schema: &Json, max_levels: usize) -> Result<(), Error> {
    shape(schema)?;
    size("JSON schema's levels, of all definitions together,", levels(schema), max_levels)?;
    let mut schemas = vec![("#".to_owned(), schema)];
    while let Some((path, schema)) = schemas.pop() {
        if let Json::Object(fields) = schema {
            keywords(&path, fields)?;
            subschemas(&path, fields, &mut schemas);
        }
    }
    Ok(())
}

/// Depth and size of the JSON itself.
fn shape(schema: &Json) -> Result<(), Error> {
    let mut values = vec![(schema, 0)];
    let mut n_values = 0;
    while let Some((value, depth)) = values.pop() {
        n_values += 1;
        size("JSON schema's number of values", n_values + values.len(), MAX_SCHEMA_VALUES)?;
        if depth > MAX_SCHEMA_DEPTH {
            return Err(Error::Depth { what: "JSON schema", max: MAX_SCHEMA_DEPTH });
        }
        match value {
            Json::Array(items) => {
                size("JSON schema's longest list", items.len(), MAX_ENTRIES)?;
                values.extend(items.iter().map(|item| (item, depth + 1)));
            }
            Json::Object(fields) => {
                size("JSON schema's largest object", fields.len(), MAX_ENTRIES)?;
                values.extend(fields.values().map(|item| (item, depth + 1)));
            }
            Json::String(text) => {
                size("JSON schema's longest text", text.len(), MAX_GRAMMAR_BYTES)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// A bound on the compiler's recursion. It follows a reference when it meets one, each at most once
/// on its way, so its depth is at most the sum of the depths of all that is referred to. What a
/// reference may point at is any place of the schema; where one points elsewhere than at a
/// definition, the whole schema's depth is added for it.
fn levels(schema: &Json) -> usize {
    let mut depths = BTreeMap::new();
    let mut references = BTreeSet::new();
    let own = depth_of(schema, &mut depths, &mut references);
    let targets = references.into_iter().map(|reference| {
        let target = reference.strip_prefix('#').and_then(|at| schema.pointer(at));
        target.and_then(|target| depths.get(&std::ptr::from_ref(target))).copied().unwrap_or(own)
    });
    targets.fold(own, usize::saturating_add)
}

/// Levels of objects in a JSON value, by the value's place, and the references in it. Recursive:
/// `shape` has bounded the depth.
fn depth_of<'a>(
    value: &'a Json,
    depths: &mut BTreeMap<*const Json, usize>,
    references: &mut BTreeSet<&'a str>,
) -> usize {
    let depth = match value {
        Json::Array(items) => {
            let depths = items.iter().map(|item| depth_of(item, depths, references));
            depths.max().unwrap_or(0)
        }
        Json::Object(fields) => {
            references.extend(fields.get("$ref").and_then(Json::as_str));
            let depths = fields.values().map(|item| depth_of(item, depths, references));
            depths.max().unwrap_or(0) + 1
        }
        _ => 0,
    };
    depths.insert(std::ptr::from_ref(value), depth);
    depth
}

fn keywords(path: &str, fields: &Map<String, Json>) -> Result<(), Error> {
    for (keyword, value) in fields {
        if NOT_ENFORCED.contains(&keyword.as_str()) {
            return Err(Error::Keyword { keyword: keyword.clone(), path: path.to_owned() });
        }
        match (keyword.as_str(), value) {
            ("$ref", Json::String(reference)) if !reference.starts_with('#') => {
                return Err(Error::Reference { reference: reference.clone() });
            }
            ("pattern", Json::String(pattern)) => regex(pattern)?,
            ("patternProperties", Json::Object(patterns)) => {
                patterns.keys().try_for_each(|pattern| regex(pattern))?;
            }
            (count, value) if COUNTS.contains(&count) => {
                if let Some(need) = value.as_f64().filter(|n| *n > MAX_REPEAT as f64) {
                    let what = "JSON schema's largest count";
                    // Saturates, and is only shown.
                    return Err(Error::Size { what, need: need as u64, max: MAX_REPEAT });
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn subschemas<'a>(path: &str, fields: &'a Map<String, Json>, out: &mut Vec<(String, &'a Json)>) {
    for (keyword, value) in fields {
        let is = |keywords: &[&str]| keywords.contains(&keyword.as_str());
        match value {
            Json::Object(named) if is(WITH_NAMED) => {
                let named = named.iter();
                out.extend(named.map(|(name, s)| (format!("{path}/{keyword}/{name}"), s)));
            }
            Json::Object(_) if is(WITH_SCHEMA) => out.push((format!("{path}/{keyword}"), value)),
            Json::Array(list) if is(WITH_LIST) => {
                let list = list.iter().enumerate();
                out.extend(list.map(|(n, s)| (format!("{path}/{keyword}/{n}"), s)));
            }
            _ => {}
        }
    }
}

/// Refuses a regular expression that is too long or too deep.
pub(super) fn regex(pattern: &str) -> Result<(), Error> {
    size("regular expression's bytes", pattern.len(), MAX_GRAMMAR_BYTES)?;
    depth("regular expression", pattern)
}

/// Refuses a Lark grammar that is too long, too deep, or has too many rules.
pub(super) fn lark(grammar: &str) -> Result<(), Error> {
    size("grammar's bytes", grammar.len(), MAX_GRAMMAR_BYTES)?;
    let rules = grammar.lines().filter(|line| line.contains(':')).count();
    size("grammar's rules", rules, MAX_RULES)?;
    depth("grammar", grammar)
}

/// Brackets, escaped ones left out. Those inside of character classes and strings count: too many
/// are refused rather than too few.
fn depth(what: &'static str, text: &str) -> Result<(), Error> {
    let (mut depth, mut escaped) = (0usize, false);
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_GRAMMAR_DEPTH {
            return Err(Error::Depth { what, max: MAX_GRAMMAR_DEPTH });
        }
    }
    Ok(())
}
