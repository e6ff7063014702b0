//! Metadata values: the thirteen types of the specification, and arrays of twelve of them.
//!
//! Strings of the format are bytes. Nearly all are UTF-8 and are kept as `String`; a string that is
//! not is kept as it is, as `Bytes`, so that copying a file loses nothing and no replacement
//! character slips into a vocabulary. An array of strings is `Bytes` as a whole if one of them is
//! not UTF-8.

use std::fmt;

macro_rules! value_types {
    ($($name:ident = $id:literal, $text:literal, $min_bytes:literal;)*) => {
        /// The type of a metadata value as the file stores it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "the names are the specification's own")]
        pub enum ValueType { $($name,)* }

        impl ValueType {
            /// The type with this file id.
            pub fn from_id(id: u32) -> Option<Self> {
                match id { $($id => Some(ValueType::$name),)* _ => None }
            }

            /// The file id.
            pub const fn id(self) -> u32 {
                match self { $(ValueType::$name => $id,)* }
            }

            /// The specification's name: "uint32".
            pub const fn name(self) -> &'static str {
                match self { $(ValueType::$name => $text,)* }
            }

            /// Bytes of the shortest value of this type in a file.
            pub(crate) const fn min_bytes(self) -> u64 {
                match self { $(ValueType::$name => $min_bytes,)* }
            }
        }
    };
}

value_types! {
    U8 = 0, "uint8", 1;
    I8 = 1, "int8", 1;
    U16 = 2, "uint16", 2;
    I16 = 3, "int16", 2;
    U32 = 4, "uint32", 4;
    I32 = 5, "int32", 4;
    F32 = 6, "float32", 4;
    Bool = 7, "bool", 1;
    String = 8, "string", 8;
    Array = 9, "array", 12;
    U64 = 10, "uint64", 8;
    I64 = 11, "int64", 8;
    F64 = 12, "float64", 8;
}

/// One metadata value.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the names are the specification's own")]
pub enum Value {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    U64(u64),
    I64(i64),
    F32(f32),
    F64(f64),
    Bool(bool),
    String(String),
    /// A string that is not UTF-8.
    Bytes(Vec<u8>),
    Array(Array),
}

/// An array of values of one type.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the names are the specification's own")]
pub enum Array {
    U8(Vec<u8>),
    I8(Vec<i8>),
    U16(Vec<u16>),
    I16(Vec<i16>),
    U32(Vec<u32>),
    I32(Vec<i32>),
    U64(Vec<u64>),
    I64(Vec<i64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Bool(Vec<bool>),
    String(Vec<String>),
    /// Strings of which at least one is not UTF-8.
    Bytes(Vec<Vec<u8>>),
}

/// Evaluates `$body` with `$v` bound to the vector of any variant.
macro_rules! each_array {
    ($array:expr, $v:ident => $body:expr) => {
        match $array {
            $crate::Array::U8($v) => $body,
            $crate::Array::I8($v) => $body,
            $crate::Array::U16($v) => $body,
            $crate::Array::I16($v) => $body,
            $crate::Array::U32($v) => $body,
            $crate::Array::I32($v) => $body,
            $crate::Array::U64($v) => $body,
            $crate::Array::I64($v) => $body,
            $crate::Array::F32($v) => $body,
            $crate::Array::F64($v) => $body,
            $crate::Array::Bool($v) => $body,
            $crate::Array::String($v) => $body,
            $crate::Array::Bytes($v) => $body,
        }
    };
}

impl Value {
    /// The type the file stores.
    pub fn value_type(&self) -> ValueType {
        match self {
            Value::U8(_) => ValueType::U8,
            Value::I8(_) => ValueType::I8,
            Value::U16(_) => ValueType::U16,
            Value::I16(_) => ValueType::I16,
            Value::U32(_) => ValueType::U32,
            Value::I32(_) => ValueType::I32,
            Value::U64(_) => ValueType::U64,
            Value::I64(_) => ValueType::I64,
            Value::F32(_) => ValueType::F32,
            Value::F64(_) => ValueType::F64,
            Value::Bool(_) => ValueType::Bool,
            Value::String(_) | Value::Bytes(_) => ValueType::String,
            Value::Array(_) => ValueType::Array,
        }
    }

    /// The type in words: "uint32", "array of string (32000)".
    pub fn type_name(&self) -> String {
        match self {
            Value::Array(array) => {
                format!("array of {} ({})", array.element_type().name(), array.len())
            }
            Value::Bytes(_) => "string that is not UTF-8".to_owned(),
            other => other.value_type().name().to_owned(),
        }
    }

    /// The value of any integer type.
    pub fn as_integer(&self) -> Option<i128> {
        Some(match self {
            Value::U8(v) => (*v).into(),
            Value::I8(v) => (*v).into(),
            Value::U16(v) => (*v).into(),
            Value::I16(v) => (*v).into(),
            Value::U32(v) => (*v).into(),
            Value::I32(v) => (*v).into(),
            Value::U64(v) => (*v).into(),
            Value::I64(v) => (*v).into(),
            _ => return None,
        })
    }
}

impl Array {
    /// The type of the elements.
    pub fn element_type(&self) -> ValueType {
        match self {
            Array::U8(_) => ValueType::U8,
            Array::I8(_) => ValueType::I8,
            Array::U16(_) => ValueType::U16,
            Array::I16(_) => ValueType::I16,
            Array::U32(_) => ValueType::U32,
            Array::I32(_) => ValueType::I32,
            Array::U64(_) => ValueType::U64,
            Array::I64(_) => ValueType::I64,
            Array::F32(_) => ValueType::F32,
            Array::F64(_) => ValueType::F64,
            Array::Bool(_) => ValueType::Bool,
            Array::String(_) | Array::Bytes(_) => ValueType::String,
        }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        each_array!(self, v => v.len())
    }

    /// True without elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements of any integer type.
    pub fn as_integers(&self) -> Option<Vec<i128>> {
        Some(match self {
            Array::U8(v) => v.iter().map(|x| (*x).into()).collect(),
            Array::I8(v) => v.iter().map(|x| (*x).into()).collect(),
            Array::U16(v) => v.iter().map(|x| (*x).into()).collect(),
            Array::I16(v) => v.iter().map(|x| (*x).into()).collect(),
            Array::U32(v) => v.iter().map(|x| (*x).into()).collect(),
            Array::I32(v) => v.iter().map(|x| (*x).into()).collect(),
            Array::U64(v) => v.iter().map(|x| (*x).into()).collect(),
            Array::I64(v) => v.iter().map(|x| (*x).into()).collect(),
            _ => return None,
        })
    }
}

/// Elements of an array that are printed; the rest is counted.
const N_SHOWN: usize = 8;

/// Characters of a string that are printed; the rest is counted.
const CHARS_SHOWN: usize = 120;

/// For people: strings escaped and shortened, arrays by their first elements.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::U8(v) => v.fmt(f),
            Value::I8(v) => v.fmt(f),
            Value::U16(v) => v.fmt(f),
            Value::I16(v) => v.fmt(f),
            Value::U32(v) => v.fmt(f),
            Value::I32(v) => v.fmt(f),
            Value::U64(v) => v.fmt(f),
            Value::I64(v) => v.fmt(f),
            Value::F32(v) => v.fmt(f),
            Value::F64(v) => v.fmt(f),
            Value::Bool(v) => v.fmt(f),
            Value::String(v) => f.write_str(&shorten(v)),
            Value::Bytes(v) => f.write_str(&shorten(&String::from_utf8_lossy(v))),
            Value::Array(v) => v.fmt(f),
        }
    }
}

fn shorten(text: &str) -> String {
    let shown: String = text.chars().take(CHARS_SHOWN).collect();
    let rest = text.len().saturating_sub(shown.len());
    let escaped = shown.escape_debug();
    if rest == 0 { format!("\"{escaped}\"") } else { format!("\"{escaped}\" and {rest} bytes") }
}

impl fmt::Display for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<String> = match self {
            Array::String(v) => v.iter().take(N_SHOWN).map(|x| shorten(x)).collect(),
            Array::Bytes(v) => {
                v.iter().take(N_SHOWN).map(|x| shorten(&String::from_utf8_lossy(x))).collect()
            }
            other => each_array!(other, v => {
                v.iter().take(N_SHOWN).map(|x| format!("{x:?}")).collect()
            }),
        };
        write!(f, "[{}", shown.join(", "))?;
        let rest = self.len().saturating_sub(shown.len());
        if rest > 0 { write!(f, ", and {rest} more]") } else { f.write_str("]") }
    }
}

macro_rules! from {
    ($($type:ty => $variant:ident),* $(,)?) => {$(
        impl From<$type> for Value {
            fn from(value: $type) -> Value {
                Value::$variant(value)
            }
        }

        impl From<Vec<$type>> for Value {
            fn from(value: Vec<$type>) -> Value {
                Value::Array(Array::$variant(value))
            }
        }
    )*};
}

from! {
    u8 => U8, i8 => I8, u16 => U16, i16 => I16, u32 => U32, i32 => I32, u64 => U64, i64 => I64,
    f32 => F32, f64 => F64, bool => Bool, String => String,
}

impl From<&str> for Value {
    fn from(value: &str) -> Value {
        Value::String(value.to_owned())
    }
}

impl From<Array> for Value {
    fn from(value: Array) -> Value {
        Value::Array(value)
    }
}
