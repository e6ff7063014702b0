//! Closes objects that do not say whether other properties may follow.
//!
//! JSON Schema leaves such an object open. Held to that, a small model that has written all the
//! properties it was asked for goes on with ones of its own until the context is full, and nobody
//! who lists properties wants others. llama.cpp closes them too; `"additionalProperties": true`
//! keeps one open.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

use super::check::{WITH_LIST, WITH_NAMED, WITH_SCHEMA};

/// Keywords beside which `properties` are a part of an object and not all of it.
const PARTS: &[&str] = &[
    "additionalProperties",
    "unevaluatedProperties",
    "patternProperties",
    "allOf",
    "anyOf",
    "oneOf",
    "$ref",
];

/// The schema with `"additionalProperties": false` wherever an object lists its properties and
/// says nothing of others. Parts of an object that is put together (`allOf`, a reference with
/// properties beside it) stay open, because closing one part forbids the others.
///
/// Recursive: for schemas whose depth was checked.
#[must_use]
pub fn closed(mut schema: Json) -> Json {
    let mut parts = BTreeSet::new();
    find_parts(&schema, &mut parts);
    let own = parts.contains("#");
    close(&mut schema, "#", own, &parts);
    schema
}

/// References to schemas that are used as one part of several.
fn find_parts(schema: &Json, parts: &mut BTreeSet<String>) {
    let Json::Object(fields) = schema else { return };
    let beside = ["properties", "allOf", "anyOf", "oneOf"];
    let mut add =
        |of: &Json| parts.extend(of.get("$ref").and_then(Json::as_str).map(str::to_owned));
    if beside.iter().any(|key| fields.contains_key(*key)) {
        add(schema);
    }
    if let Some(list) = several(fields) {
        list.iter().for_each(add);
    }
    for_each(fields, |_, _, child| find_parts(child, parts));
}

/// An `allOf` of more than one schema.
fn several(fields: &Map<String, Json>) -> Option<&Vec<Json>> {
    fields.get("allOf").and_then(Json::as_array).filter(|list| list.len() > 1)
}

fn close(schema: &mut Json, path: &str, is_part: bool, parts: &BTreeSet<String>) {
    let Json::Object(fields) = schema else { return };
    let is_whole = !PARTS.iter().any(|key| fields.contains_key(*key));
    if !is_part && is_whole && fields.get("properties").is_some_and(Json::is_object) {
        fields.insert("additionalProperties".to_owned(), Json::Bool(false));
    }
    let in_several = several(fields).is_some();
    let beside = fields.contains_key("properties");
    for (keyword, value) in fields {
        let of_parts = in_several && keyword == "allOf"
            || beside && ["allOf", "anyOf", "oneOf"].contains(&keyword.as_str());
        let child = |key: &str, child: &mut Json| {
            let path = format!("{path}/{keyword}{key}");
            let is_part = of_parts || parts.contains(&path);
            close(child, &path, is_part, parts);
        };
        match value {
            Json::Object(named) if WITH_NAMED.contains(&keyword.as_str()) => {
                named.iter_mut().for_each(|(name, value)| child(&format!("/{name}"), value));
            }
            Json::Array(list) if WITH_LIST.contains(&keyword.as_str()) => {
                list.iter_mut().enumerate().for_each(|(n, value)| child(&format!("/{n}"), value));
            }
            value @ Json::Object(_) if WITH_SCHEMA.contains(&keyword.as_str()) => child("", value),
            _ => {}
        }
    }
}

/// The schemas right below.
fn for_each<'a>(fields: &'a Map<String, Json>, mut visit: impl FnMut(&str, &str, &'a Json)) {
    for (keyword, value) in fields {
        match value {
            Json::Object(named) if WITH_NAMED.contains(&keyword.as_str()) => {
                named.iter().for_each(|(name, value)| visit(keyword, name, value));
            }
            Json::Array(list) if WITH_LIST.contains(&keyword.as_str()) => {
                list.iter().for_each(|value| visit(keyword, "", value));
            }
            Json::Object(_) if WITH_SCHEMA.contains(&keyword.as_str()) => visit(keyword, "", value),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::closed;

    #[test]
    fn objects_that_list_their_properties_are_closed() {
        let a = json!({ "properties": { "a": {} } });
        let shut = json!({ "properties": { "a": {} }, "additionalProperties": false });
        let open = json!({ "properties": { "a": {} }, "additionalProperties": true });
        let plain = json!({ "type": "object" });
        let by = json!({ "$ref": "#/$defs/d" });
        for (given, want) in [
            (a.clone(), shut.clone()),
            (open.clone(), open),
            (plain.clone(), plain),
            (json!({ "items": a }), json!({ "items": shut })),
            (json!({ "anyOf": [a, true] }), json!({ "anyOf": [shut, true] })),
            (json!({ "allOf": [a] }), json!({ "allOf": [shut] })),
            (json!({ "allOf": [a, a] }), json!({ "allOf": [a, a] })),
            (
                json!({ "properties": { "a": {} }, "anyOf": [a] }),
                json!({ "properties": { "a": {} }, "anyOf": [a] }),
            ),
            (json!({ "items": by, "$defs": { "d": a } }), {
                json!({ "items": by, "$defs": { "d": shut } })
            }),
            (
                json!({ "allOf": [by, a], "$defs": { "d": a } }),
                json!({ "allOf": [by, a], "$defs": { "d": a } }),
            ),
            (
                json!({ "properties": { "properties": { "properties": { "p": a } } } }),
                json!({ "additionalProperties": false, "properties": { "properties": {
                    "additionalProperties": false, "properties": { "p": shut } } } }),
            ),
        ] {
            assert_eq!(closed(given.clone()), want, "{given}");
        }
    }
}
