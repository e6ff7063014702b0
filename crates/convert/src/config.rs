//! `config.json` and its kin: typed questions about objects of a stranger.
//!
//! A key that is null is a key that is not there, as in the library that writes these files. Models
//! that see images keep the part about text in an object of its own, which is asked first.

use serde_json::{Map, Value};

use crate::error::{Error, shown};

/// The object of a JSON file.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    file: String,
    outer: Map<String, Value>,
    inner: Option<Map<String, Value>>,
}

/// Numbers of sizes: more than any model has, and products of two fit a u64.
const MAX_COUNT: u64 = u32::MAX as u64;

impl Config {
    pub fn new(file: &str, outer: Map<String, Value>) -> Config {
        let inner = outer.get("text_config").and_then(Value::as_object).cloned();
        Config { file: file.to_owned(), outer, inner }
    }

    /// The value of a key, if it has one.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let of = |map: &'_ Map<String, Value>| map.get(key).is_some_and(|value| !value.is_null());
        match &self.inner {
            Some(inner) if of(inner) => inner.get(key),
            _ => self.outer.get(key).filter(|value| !value.is_null()),
        }
    }

    /// Of several names of one thing, the one that is there.
    pub fn count_of(&self, keys: &[&str]) -> Result<u32, Error> {
        for key in keys {
            if let Some(count) = self.count_if(key)? {
                return Ok(count);
            }
        }
        let key = keys.first().copied().unwrap_or_default();
        Err(self.error(key, "missing".into(), "a whole number"))
    }

    /// A whole number from 1 on.
    pub fn count(&self, key: &str) -> Result<u32, Error> {
        self.count_of(&[key])
    }

    pub fn count_if(&self, key: &str) -> Result<Option<u32>, Error> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let count = value.as_u64().filter(|n| (1..=MAX_COUNT).contains(n));
        match count.and_then(|n| u32::try_from(n).ok()) {
            Some(count) => Ok(Some(count)),
            None => Err(self.wrong(key, value, "a whole number from 1 to 4294967295")),
        }
    }

    /// A finite number.
    pub fn number_if(&self, key: &str) -> Result<Option<f64>, Error> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match value.as_f64().filter(|x| x.is_finite()) {
            Some(number) => Ok(Some(number)),
            None => Err(self.wrong(key, value, "a number")),
        }
    }

    pub fn number(&self, key: &str) -> Result<f64, Error> {
        self.number_if(key)?.ok_or_else(|| self.error(key, "missing".into(), "a number"))
    }

    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Value::as_str)
    }

    pub fn is_true(&self, key: &str) -> bool {
        self.get(key).and_then(Value::as_bool) == Some(true)
    }

    pub fn boolean(&self, key: &str) -> Option<bool> {
        self.get(key).and_then(Value::as_bool)
    }

    pub fn object(&self, key: &str) -> Option<Config> {
        let map = self.get(key)?.as_object()?;
        Some(Config { file: self.file.clone(), outer: map.clone(), inner: None })
    }

    /// The keys of the object.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.outer.keys().map(String::as_str)
    }

    pub fn list(&self, key: &str) -> Option<&[Value]> {
        self.get(key).and_then(Value::as_array).map(Vec::as_slice)
    }

    /// A list of numbers.
    pub fn numbers(&self, key: &str) -> Result<Vec<f64>, Error> {
        let want = "a list of numbers";
        let list = self.list(key).ok_or_else(|| self.error(key, "missing".into(), want))?;
        let number = |value: &Value| value.as_f64().ok_or_else(|| self.wrong(key, value, want));
        list.iter().map(number).collect()
    }

    /// The error for a value that cannot be.
    pub fn wrong(&self, key: &str, value: &Value, want: &'static str) -> Error {
        self.error(key, shown(&value.to_string()), want)
    }

    pub fn error(&self, key: &str, got: String, want: &'static str) -> Error {
        Error::Key { file: self.file.clone(), key: key.to_owned(), got, want }
    }
}
