//! Messages and tools as Ollama's templates see them: Go structs with fixed fields.
//!
//! A field of a struct exists even where the message has none (`{{ if .ToolCalls }}`), and a tool
//! prints as JSON with its keys in Ollama's order. What a caller sent beyond Ollama's fields stays
//! in the JSON behind them: a JSON Schema keyword that was dropped would change what the model is
//! told.

use std::rc::Rc;

use serde_json::{Map, Value as Json};

use super::value::{Field, List, Object, Value};
use crate::error::Error;
use crate::message::Message;

/// Names of a field in templates and JSON, and how its value is read.
type Known = (&'static str, &'static str, fn(&Json) -> Result<Value, Error>);

const MESSAGE: &[Known] = &[
    ("Role", "role", plain),
    ("Content", "content", text),
    ("Thinking", "thinking", text),
    ("Images", "images", list),
    ("ToolCalls", "tool_calls", tool_calls),
    ("ToolName", "tool_name", text),
    ("ToolCallID", "tool_call_id", text),
];
const TOOL_CALL: &[Known] = &[("ID", "id", text), ("Function", "function", call_function)];
const CALL_FUNCTION: &[Known] =
    &[("Index", "index", index), ("Name", "name", text), ("Arguments", "arguments", arguments)];
const TOOL: &[Known] =
    &[("Type", "type", text), ("Items", "items", plain), ("Function", "function", tool_function)];
const TOOL_FUNCTION: &[Known] = &[
    ("Name", "name", text),
    ("Description", "description", text),
    ("Parameters", "parameters", parameters),
];
const PARAMETERS: &[Known] = &[
    ("Type", "type", plain),
    ("Defs", "$defs", plain),
    ("Items", "items", plain),
    ("Required", "required", list),
    ("Properties", "properties", properties),
];
const PROPERTY: &[Known] = &[
    ("AnyOf", "anyOf", any_of),
    ("Type", "type", plain),
    ("Items", "items", plain),
    ("Description", "description", text),
    ("Enum", "enum", list),
    ("Properties", "properties", properties),
];

/// Deepest nesting of properties inside properties that is read as structs; what lies deeper is a
/// plain map, as everything was before Ollama knew nested properties. Templates go one level deep.
const MAX_PROPERTY_DEPTH: usize = 8;

/// The structs of a conversation.
pub(crate) fn messages(messages: &[Message]) -> Result<Value, Error> {
    let items: Result<_, Error> = messages
        .iter()
        .map(|message| {
            let mut json = message.fields.clone();
            json.insert("role".to_owned(), message.role.clone().into());
            // Other protocols' names.
            if let Some(thinking) = json.remove("reasoning_content") {
                json.entry("thinking").or_insert(thinking);
            }
            if !json.contains_key("content") {
                json.insert("content".to_owned(), message.content.clone().into());
            }
            structure(&json, "*api.Message", MESSAGE, false)
        })
        .collect();
    Ok(Value::list(items?))
}

/// The structs of tool definitions; nothing for anything but a list.
pub(crate) fn tools(tools: Option<&Json>) -> Result<Value, Error> {
    let Some(Json::Array(items)) = tools else {
        return Ok(Value::no_list(true));
    };
    let items: Result<_, Error> = items
        .iter()
        .map(|tool| match tool {
            Json::Object(json) => structure(json, "api.Tool", TOOL, true),
            other => plain(other),
        })
        .collect();
    Ok(Value::List(Rc::new(List { items: items?, prints_json: true, is_nil: false })))
}

fn structure(
    json: &Map<String, Json>,
    type_name: &'static str,
    known: &[Known],
    prints_json: bool,
) -> Result<Value, Error> {
    let mut fields = Vec::with_capacity(known.len());
    for (name, key, read) in known {
        let found = json.get(*key);
        let value = read(found.unwrap_or(&Json::Null))?;
        let omit = found.is_none();
        fields.push(Field { name: (*name).into(), key: (*key).into(), value, omit });
    }
    for (key, value) in json.iter().filter(|(key, _)| known.iter().all(|(_, k, _)| k != key)) {
        let value = plain(value)?;
        fields.push(Field { name: "".into(), key: key.as_str().into(), value, omit: false });
    }
    Ok(Value::Object(Rc::new(Object { type_name: Some(type_name), fields, prints_json })))
}

fn plain(json: &Json) -> Result<Value, Error> {
    // Room for the structs around it.
    Value::of_json(json, 8)
}

/// Text; a list of parts is their texts, null is empty.
fn text(json: &Json) -> Result<Value, Error> {
    Ok(match json {
        Json::Null => Value::text(""),
        Json::Array(parts) => {
            let texts = parts.iter().filter_map(|part| part.get("text")?.as_str());
            Value::text(texts.collect::<Vec<_>>().join("\n"))
        }
        other => plain(other)?,
    })
}

fn list(json: &Json) -> Result<Value, Error> {
    if json.is_null() { Ok(Value::no_list(false)) } else { plain(json) }
}

fn index(json: &Json) -> Result<Value, Error> {
    Ok(Value::Int(json.as_i64().unwrap_or(0)))
}

fn structs(
    json: &Json,
    type_name: &'static str,
    known: &[Known],
    prints_json: bool,
) -> Result<Value, Error> {
    match json {
        Json::Object(fields) => structure(fields, type_name, known, prints_json),
        Json::Null => structure(&Map::new(), type_name, known, prints_json),
        other => plain(other),
    }
}

fn tool_calls(json: &Json) -> Result<Value, Error> {
    let Json::Array(calls) = json else {
        return list(json);
    };
    let one = |(n, call): (usize, &Json)| {
        let mut call = call.clone();
        // Templates may print the call's number, which only some protocols send.
        if let Some(Json::Object(function)) = call.get_mut("function") {
            function.entry("index").or_insert_with(|| n.into());
        }
        structs(&call, "api.ToolCall", TOOL_CALL, true)
    };
    let items: Result<_, Error> = calls.iter().enumerate().map(one).collect();
    Ok(Value::list(items?))
}

fn call_function(json: &Json) -> Result<Value, Error> {
    structs(json, "api.ToolCallFunction", CALL_FUNCTION, true)
}

/// Arguments print as JSON; OpenAI's protocol sends them as JSON inside of a string.
fn arguments(json: &Json) -> Result<Value, Error> {
    let parsed = json.as_str().and_then(|text| serde_json::from_str::<Json>(text).ok());
    match plain(parsed.as_ref().filter(|v| v.is_object()).unwrap_or(json))? {
        Value::Object(map) => {
            let fields =
                map.fields.iter().map(|f| Field::entry(&f.name, f.value.clone())).collect();
            Ok(Value::Object(Rc::new(Object { type_name: None, fields, prints_json: true })))
        }
        Value::Nil => Ok(Value::Object(Rc::new(Object {
            type_name: None,
            fields: Vec::new(),
            prints_json: true,
        }))),
        other => Ok(other),
    }
}

fn tool_function(json: &Json) -> Result<Value, Error> {
    structs(json, "api.ToolFunction", TOOL_FUNCTION, true)
}

fn parameters(json: &Json) -> Result<Value, Error> {
    structs(json, "api.ToolFunctionParameters", PARAMETERS, true)
}

fn any_of(json: &Json) -> Result<Value, Error> {
    let Json::Array(items) = json else {
        return list(json);
    };
    let items: Result<_, Error> = items.iter().map(|p| property(p, 1)).collect();
    Ok(Value::list(items?))
}

fn properties(json: &Json) -> Result<Value, Error> {
    properties_at(json, 0)
}

fn properties_at(json: &Json, depth: usize) -> Result<Value, Error> {
    let Json::Object(fields) = json else {
        return if json.is_null() { Ok(Value::map(Vec::new())) } else { plain(json) };
    };
    let fields: Result<_, Error> =
        fields.iter().map(|(name, p)| Ok(Field::entry(name, property(p, depth)?))).collect();
    Ok(Value::map(fields?))
}

fn property(json: &Json, depth: usize) -> Result<Value, Error> {
    match json {
        Json::Object(_) if depth < MAX_PROPERTY_DEPTH => {
            structs(json, "api.ToolProperty", PROPERTY, false)
        }
        other => plain(other),
    }
}
