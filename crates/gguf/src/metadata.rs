//! The key-value pairs of a file, in file order, with typed questions.
//!
//! A getter answers `None` for a key that is not there and an error for one of another type; there
//! is no access to raw bytes, so a count of one type can never be applied to data of another.
//! Integers may be asked for in any width that holds them (converters disagree on `u32` and `i32`),
//! floats never become integers or the other way round. The index is a sorted list of positions:
//! four bytes a key, no hashing of a stranger's strings.

use std::borrow::Cow;

use crate::error::Error;
use crate::value::{Array, Value};

/// The metadata of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    entries: Vec<(String, Value)>,
    /// Positions in `entries`, by ascending key.
    by_key: Vec<u32>,
}

impl Metadata {
    /// Without any key.
    pub fn new() -> Self {
        Metadata::default()
    }

    /// Keys of a file in file order; a key that is there twice, and where it is again.
    pub(crate) fn from_entries(entries: Vec<(String, Value)>) -> Result<Self, (String, usize)> {
        match sorted_positions(&entries, |entry| &entry.0) {
            Ok(by_key) => Ok(Metadata { entries, by_key }),
            Err(twice) => Err((
                entries.into_iter().nth(twice).map(|entry| entry.0).unwrap_or_default(),
                twice,
            )),
        }
    }

    /// Sets a key, replacing the value it had.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<Value>) {
        let (key, value) = (key.into(), value.into());
        match self.find(&key) {
            Ok(found) => {
                if let Some(entry) = self.entries.get_mut(found) {
                    entry.1 = value;
                }
            }
            Err(place) => {
                // More keys than a u32 counts do not fit in memory.
                let position = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
                self.entries.push((key, value));
                self.by_key.insert(place, position);
            }
        }
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True without keys.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All pairs in file order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.find(key).ok().and_then(|found| self.entries.get(found)).map(|entry| &entry.1)
    }

    /// Position of the entry, or the place in `by_key` for a new one.
    fn find(&self, key: &str) -> Result<usize, usize> {
        let key_at = |position: &u32| self.entries.get(*position as usize).map(|e| e.0.as_str());
        self.by_key
            .binary_search_by(|position| key_at(position).cmp(&Some(key)))
            .map(|found| self.by_key.get(found).map_or(0, |position| *position as usize))
    }

    /// A whole number that fits a `u32`, of any integer type.
    pub fn u32(&self, key: &str) -> Result<Option<u32>, Error> {
        self.integer(key, "a whole number from 0 to 4294967295")
    }

    /// A whole number that fits a `u64`, of any integer type.
    pub fn u64(&self, key: &str) -> Result<Option<u64>, Error> {
        self.integer(key, "a whole number from 0 to 18446744073709551615")
    }

    /// A whole number that fits an `i32`, of any integer type.
    pub fn i32(&self, key: &str) -> Result<Option<i32>, Error> {
        self.integer(key, "a whole number from -2147483648 to 2147483647")
    }

    fn integer<T: TryFrom<i128>>(&self, key: &str, want: &'static str) -> Result<Option<T>, Error> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let number = value.as_integer().ok_or_else(|| key_type(key, want, value))?;
        fit(key, want, number).map(Some)
    }

    /// A float32, or a float64 rounded to one.
    pub fn f32(&self, key: &str) -> Result<Option<f32>, Error> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::F32(value)) => Ok(Some(*value)),
            #[expect(clippy::cast_possible_truncation, reason = "rounding is what is asked for")]
            Some(Value::F64(value)) => Ok(Some(*value as f32)),
            Some(other) => Err(key_type(key, "a float32", other)),
        }
    }

    /// A boolean.
    pub fn bool(&self, key: &str) -> Result<Option<bool>, Error> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(other) => Err(key_type(key, "a bool", other)),
        }
    }

    /// A UTF-8 string; one that is not UTF-8 is an error of type.
    pub fn str(&self, key: &str) -> Result<Option<&str>, Error> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(value)) => Ok(Some(value)),
            Some(other) => Err(key_type(key, "a string", other)),
        }
    }

    /// An array of UTF-8 strings; an error of type if one of them is not UTF-8 (see
    /// [`Metadata::byte_strings`]).
    pub fn strings(&self, key: &str) -> Result<Option<&[String]>, Error> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Array(Array::String(value))) => Ok(Some(value)),
            Some(Value::Array(array)) if array.is_empty() => Ok(Some(&[])),
            Some(other) => Err(key_type(key, "an array of UTF-8 strings", other)),
        }
    }

    /// An array of strings as their bytes, UTF-8 or not: what a vocabulary is made of.
    pub fn byte_strings(&self, key: &str) -> Result<Option<Vec<&[u8]>>, Error> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Array(Array::String(value))) => {
                Ok(Some(value.iter().map(String::as_bytes).collect()))
            }
            Some(Value::Array(Array::Bytes(value))) => {
                Ok(Some(value.iter().map(Vec::as_slice).collect()))
            }
            Some(Value::Array(array)) if array.is_empty() => Ok(Some(Vec::new())),
            Some(other) => Err(key_type(key, "an array of strings", other)),
        }
    }

    /// An array of float32.
    pub fn f32s(&self, key: &str) -> Result<Option<&[f32]>, Error> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Array(Array::F32(value))) => Ok(Some(value)),
            Some(Value::Array(array)) if array.is_empty() => Ok(Some(&[])),
            Some(other) => Err(key_type(key, "an array of float32", other)),
        }
    }

    /// An array of whole numbers that all fit an `i32`, of any integer type.
    pub fn i32s(&self, key: &str) -> Result<Option<Cow<'_, [i32]>>, Error> {
        if let Some(Value::Array(Array::I32(value))) = self.get(key) {
            return Ok(Some(Cow::Borrowed(value)));
        }
        self.integers(key, "an array of int32").map(|v| v.map(Cow::Owned))
    }

    /// An array of whole numbers that all fit a `u32`, of any integer type.
    pub fn u32s(&self, key: &str) -> Result<Option<Cow<'_, [u32]>>, Error> {
        if let Some(Value::Array(Array::U32(value))) = self.get(key) {
            return Ok(Some(Cow::Borrowed(value)));
        }
        self.integers(key, "an array of uint32").map(|v| v.map(Cow::Owned))
    }

    /// An array of booleans.
    pub fn bools(&self, key: &str) -> Result<Option<&[bool]>, Error> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Array(Array::Bool(value))) => Ok(Some(value)),
            Some(other) => Err(key_type(key, "an array of bool", other)),
        }
    }

    /// One number for all of `n` layers or an array with one each, as `n` numbers.
    pub fn u32_per_layer(&self, key: &str, n: usize) -> Result<Option<Vec<u32>>, Error> {
        let Some(Value::Array(array)) = self.get(key) else {
            return Ok(self.u32(key)?.map(|value| vec![value; n]));
        };
        if array.len() != n {
            let got = format!("an array of {}", array.len());
            return Err(Error::KeyType { key: key.to_owned(), want: "one number per layer", got });
        }
        self.integers(key, "an array of uint32")
    }

    fn integers<T: TryFrom<i128>>(
        &self,
        key: &str,
        want: &'static str,
    ) -> Result<Option<Vec<T>>, Error> {
        let numbers = match self.get(key) {
            None => return Ok(None),
            Some(Value::Array(array)) if array.is_empty() => Vec::new(),
            Some(value @ Value::Array(array)) => {
                array.as_integers().ok_or_else(|| key_type(key, want, value))?
            }
            Some(value) => return Err(key_type(key, want, value)),
        };
        numbers.into_iter().map(|number| fit(key, want, number)).collect::<Result<_, _>>().map(Some)
    }
}

macro_rules! require {
    ($($name:ident => $getter:ident: $type:ty;)*) => {
        /// The same questions where the model cannot do without an answer.
        impl Metadata {$(
            #[doc = concat!("[`Metadata::", stringify!($getter), "`], or [`Error::MissingKey`].")]
            pub fn $name(&self, key: &str) -> Result<$type, Error> {
                self.$getter(key)?.ok_or_else(|| Error::MissingKey { key: key.to_owned() })
            }
        )*}
    };
}

require! {
    require_u32 => u32: u32;
    require_u64 => u64: u64;
    require_f32 => f32: f32;
    require_bool => bool: bool;
    require_str => str: &str;
    require_strings => strings: &[String];
    require_f32s => f32s: &[f32];
    require_i32s => i32s: Cow<'_, [i32]>;
    require_u32s => u32s: Cow<'_, [u32]>;
}

fn key_type(key: &str, want: &'static str, got: &Value) -> Error {
    Error::KeyType { key: key.to_owned(), want, got: got.type_name() }
}

fn fit<T: TryFrom<i128>>(key: &str, want: &'static str, value: i128) -> Result<T, Error> {
    T::try_from(value).map_err(|_| Error::KeyRange { key: key.to_owned(), want, value })
}

/// Positions of `items` by ascending name; the later position of two equal names if there are any.
pub(crate) fn sorted_positions<T>(
    items: &[T],
    name: impl Fn(&T) -> &String,
) -> Result<Vec<u32>, usize> {
    let name_at = |position: &u32| items.get(*position as usize).map(&name);
    let mut sorted: Vec<u32> = (0..u32::try_from(items.len()).unwrap_or(u32::MAX)).collect();
    sorted.sort_by(|a, b| name_at(a).cmp(&name_at(b)));
    let twice = sorted.windows(2).filter_map(|pair| match pair {
        [a, b] if name_at(a) == name_at(b) => Some(*b),
        _ => None,
    });
    match twice.min() {
        Some(position) => Err(position as usize),
        None => Ok(sorted),
    }
}
