//! Values a template computes with: Go's, as far as chat templates can tell.
//!
//! Objects know two names per field, because Ollama's structs do: `{{ .Function.Name }}` in a
//! template is `"function": {"name": …}` in JSON. Numbers from JSON are floats, as in Go.

use std::rc::Rc;

use serde_json::Value as Json;

use crate::error::Error;
use crate::limits::MAX_VALUE_DEPTH;

/// A value; copies share their contents.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// No value: what a missing key gives.
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Rc<str>),
    List(Rc<List>),
    Object(Rc<Object>),
}

/// A Go slice.
#[derive(Debug)]
pub(crate) struct List {
    pub items: Vec<Value>,
    /// Prints as JSON: Go's type has a `String` method.
    pub prints_json: bool,
    /// Was never set, which JSON tells from empty: `null`.
    pub is_nil: bool,
}

/// A Go map or struct.
#[derive(Debug)]
pub(crate) struct Object {
    /// The struct's type in messages; `None` for a map.
    pub type_name: Option<&'static str>,
    pub fields: Vec<Field>,
    /// Prints as JSON: Go's type has a `String` method.
    pub prints_json: bool,
}

/// An entry of an object.
#[derive(Debug)]
pub(crate) struct Field {
    /// In templates; empty if they cannot reach it.
    pub name: Rc<str>,
    /// In JSON.
    pub key: Rc<str>,
    pub value: Value,
    /// Left out of JSON.
    pub omit: bool,
}

impl Field {
    /// An entry of a map.
    pub fn entry(name: &str, value: Value) -> Field {
        let name: Rc<str> = name.into();
        Field { key: Rc::clone(&name), name, value, omit: false }
    }
}

impl Value {
    pub fn text(text: impl AsRef<str>) -> Value {
        Value::Text(text.as_ref().into())
    }

    pub fn list(items: Vec<Value>) -> Value {
        Value::List(Rc::new(List { items, prints_json: false, is_nil: false }))
    }

    /// A list that was never set.
    pub fn no_list(prints_json: bool) -> Value {
        Value::List(Rc::new(List { items: Vec::new(), prints_json, is_nil: true }))
    }

    pub fn map(fields: Vec<Field>) -> Value {
        Value::Object(Rc::new(Object { type_name: None, fields, prints_json: false }))
    }

    /// Plain JSON as Go's `any` holds it.
    ///
    /// # Errors
    /// [`Error::Messages`] where it nests too deeply.
    pub fn of_json(json: &Json, depth: usize) -> Result<Value, Error> {
        if depth > MAX_VALUE_DEPTH {
            let detail = format!("they nest deeper than {MAX_VALUE_DEPTH} levels");
            return Err(Error::Messages { detail });
        }
        Ok(match json {
            Json::Null => Value::Nil,
            Json::Bool(b) => Value::Bool(*b),
            Json::Number(n) => Value::Float(n.as_f64().unwrap_or(f64::NAN)),
            Json::String(s) => Value::text(s),
            Json::Array(items) => {
                let items: Result<_, Error> =
                    items.iter().map(|item| Value::of_json(item, depth + 1)).collect();
                Value::list(items?)
            }
            Json::Object(fields) => {
                let fields: Result<_, Error> = fields
                    .iter()
                    .map(|(key, v)| Ok(Field::entry(key, Value::of_json(v, depth + 1)?)))
                    .collect();
                Value::map(fields?)
            }
        })
    }

    /// Go's idea of truth: anything but false, zero, nothing and emptiness; structs always.
    pub fn is_true(&self) -> bool {
        match self {
            Value::Nil => false,
            Value::Bool(b) => *b,
            Value::Int(n) => *n != 0,
            Value::Float(n) => *n != 0.0,
            Value::Text(text) => !text.is_empty(),
            Value::List(list) => !list.items.is_empty(),
            Value::Object(object) => object.type_name.is_some() || !object.fields.is_empty(),
        }
    }

    /// The type for messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Nil => "nil",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) => "float64",
            Value::Text(_) => "string",
            Value::List(_) => "[]interface {}",
            Value::Object(object) => object.type_name.unwrap_or("map[string]interface {}"),
        }
    }
}

impl Object {
    /// The field a template means.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let found = self.fields.iter().find(|f| !f.name.is_empty() && f.name.as_ref() == name);
        found.map(|field| &field.value)
    }

    /// Fields in the order Go visits a map: by key.
    pub fn sorted(&self) -> Vec<&Field> {
        let mut fields: Vec<&Field> = self.fields.iter().collect();
        if self.type_name.is_none() {
            fields.sort_by(|a, b| a.name.cmp(&b.name));
        }
        fields
    }
}
