//! Objects that are nearly JSON: keys stand bare, and texts stand between marks of the model's
//! own, `{city:<|"|>Bern<|"|>,days:3}`. Inside of the marks everything is text, without escapes.

use serde_json::{Map, Number, Value as Json};

/// Deepest nesting that is read: no tool's arguments come near it, and reading is recursive.
const MAX_DEPTH: usize = 64;

/// The object a text is.
pub(super) fn object(text: &str, quote: &str) -> Option<Map<String, Json>> {
    let mut reader = Reader { rest: text.trim(), quote };
    match reader.value(0)? {
        Json::Object(map) if reader.rest.is_empty() => Some(map),
        _ => None,
    }
}

struct Reader<'a> {
    rest: &'a str,
    quote: &'a str,
}

impl Reader<'_> {
    fn take(&mut self, text: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn value(&mut self, depth: usize) -> Option<Json> {
        if depth > MAX_DEPTH {
            return None;
        }
        if self.take("{") {
            return self.map(depth).map(Json::Object);
        }
        if self.take("[") {
            return self.list(depth).map(Json::Array);
        }
        if let Some(text) = self.text() {
            return Some(Json::String(text));
        }
        let word = self.until(&[',', '}', ']'])?;
        match word.as_str() {
            "true" => Some(Json::Bool(true)),
            "false" => Some(Json::Bool(false)),
            "null" | "None" => Some(Json::Null),
            word => Some(word.parse::<Number>().map_or_else(|_| word.into(), Json::Number)),
        }
    }

    fn map(&mut self, depth: usize) -> Option<Map<String, Json>> {
        let mut map = Map::new();
        if self.take("}") {
            return Some(map);
        }
        loop {
            let key = match self.text() {
                Some(key) => key,
                None => self.until(&[':'])?,
            };
            if !self.take(":") {
                return None;
            }
            map.insert(key, self.value(depth + 1)?);
            match (self.take(","), self.take("}")) {
                (_, true) => return Some(map),
                (true, _) => {}
                _ => return None,
            }
        }
    }

    fn list(&mut self, depth: usize) -> Option<Vec<Json>> {
        let mut list = Vec::new();
        if self.take("]") {
            return Some(list);
        }
        loop {
            list.push(self.value(depth + 1)?);
            match (self.take(","), self.take("]")) {
                (_, true) => return Some(list),
                (true, _) => {}
                _ => return None,
            }
        }
    }

    /// A text between marks.
    fn text(&mut self) -> Option<String> {
        let inner = self.rest.trim_start().strip_prefix(self.quote)?;
        let (text, rest) = inner.split_once(self.quote)?;
        self.rest = rest;
        Some(text.to_owned())
    }

    /// A bare word up to one of these; not an empty one.
    fn until(&mut self, ends: &[char]) -> Option<String> {
        let at = self.rest.find(ends)?;
        let (word, rest) = self.rest.split_at(at);
        self.rest = rest;
        let word = word.trim();
        (!word.is_empty()).then(|| word.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::object;

    #[test]
    fn objects_are_read() {
        for (text, want) in [
            ("{}", Some(json!({}))),
            ("{a:1, b:-2.5,c:true,d:null}", Some(json!({"a": 1, "b": -2.5, "c": true, "d": null}))),
            ("{city:'Bern, {or} Rome'}", Some(json!({"city": "Bern, {or} Rome"}))),
            ("{'k':[1,'two',{x:[]}]}", Some(json!({"k": [1, "two", {"x": []}]}))),
            ("{a:word}", Some(json!({"a": "word"}))),
            ("{a:}", None),
            ("{a}", None),
            ("{a:1", None),
            ("{a:1} x", None),
            ("[1]", None),
            ("{a:'never ends}", Some(json!({"a": "'never ends"}))),
        ] {
            assert_eq!(object(text, "'").map(Value::Object), want, "{text}");
        }
        let deep = "{a:".repeat(100_000) + "1" + &"}".repeat(100_000);
        assert_eq!(object(&deep, "'"), None);
    }
}
