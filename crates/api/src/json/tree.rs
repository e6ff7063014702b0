//! The tree of a JSON text, under bounds.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::limits::{MAX_JSON_DEPTH, MAX_JSON_VALUES};

/// Reads one JSON value and nothing behind it.
pub(crate) fn parse(text: &[u8]) -> Result<Value, serde_json::Error> {
    let n_values = Cell::new(0);
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = Seed { depth: 0, n_values: &n_values }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

#[derive(Clone, Copy)]
struct Seed<'a> {
    depth: usize,
    n_values: &'a Cell<usize>,
}

impl Seed<'_> {
    /// One level deeper.
    fn inner<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth + 1;
        if depth > MAX_JSON_DEPTH {
            return Err(E::custom(format!("it nests deeper than {MAX_JSON_DEPTH} levels")));
        }
        Ok(Seed { depth, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.n_values.set(self.n_values.get() + 1);
        if self.n_values.get() > MAX_JSON_VALUES {
            let message = format!("it holds more than {MAX_JSON_VALUES} values");
            return Err(D::Error::custom(message));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number is too large"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let seed = self.inner()?;
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(seed)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let seed = self.inner()?;
        let mut values = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            if values.contains_key(&key) {
                let key: String = key.chars().take(100).collect();
                return Err(A::Error::custom(format!(
                    "the key {key:?} stands twice in one object"
                )));
            }
            let value = fields.next_value_seed(seed)?;
            values.insert(key, value);
        }
        Ok(Value::Object(values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_json_is_refused() {
        let deep = |n| format!("{}{}", "[".repeat(n), "]".repeat(n));
        let wide = format!("[{}0]", "0,".repeat(MAX_JSON_VALUES));
        let too_deep = deep(MAX_JSON_DEPTH + 1);
        let far_too_deep = "[".repeat(100_000);
        let bad: [&[u8]; 14] = [
            b"{",
            b"{} {}",
            b"\xef\xbb\xbf{}",
            b"1e999",
            b"NaN",
            b"\"\\ud800\"",
            b"\"\xff\"",
            b"{\"a\":1,\"a\":1}",
            b"{\"a\":{\"b\":1,\"b\":2}}",
            b"'a'",
            b"\"\0\"",
            wide.as_bytes(),
            too_deep.as_bytes(),
            far_too_deep.as_bytes(),
        ];
        for text in bad {
            assert!(
                parse(text).is_err(),
                "{}",
                String::from_utf8_lossy(&text[..text.len().min(40)])
            );
        }
        assert!(parse(deep(MAX_JSON_DEPTH).as_bytes()).is_ok());
    }

    proptest! {
        #[test]
        fn agrees_with_the_plain_reader(text in "[\\[\\]{}:,\"a0-9. \\-etrufalsn\\\\]{0,40}") {
            let ours = parse(text.as_bytes());
            let plain = serde_json::from_str::<Value>(&text);
            match (ours, plain) {
                (Ok(a), Ok(b)) => prop_assert_eq!(a, b),
                (Ok(a), Err(e)) => prop_assert!(false, "{a} was accepted: {e}"),
                (Err(e), Ok(_)) => prop_assert!(e.to_string().contains("stands twice"), "{e}"),
                (Err(_), Err(_)) => {}
            }
        }
    }
}
