//! Small helpers around text: sizes for people, and JSON as Go writes it.

/// "4.9 GB": decimal units, one digit after the point below 10, as Ollama prints sizes.
pub fn human_bytes(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "KB")];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit) {
        None => format!("{bytes} B"),
        Some((unit, name)) => {
            let tenths = u128::from(bytes) * 10 / u128::from(*unit);
            match tenths < 100 && tenths % 10 != 0 {
                true => format!("{}.{} {name}", tenths / 10, tenths % 10),
                false => format!("{} {name}", tenths / 10),
            }
        }
    }
}

/// Compact JSON with the characters escaped that Go's encoder escapes, so that the bytes (and so
/// the digest) are the ones Ollama would have written.
pub(crate) fn go_json(value: &impl serde::Serialize) -> Result<String, String> {
    let plain = serde_json::to_string(value).map_err(|error| error.to_string())?;
    let mut text = String::with_capacity(plain.len());
    for c in plain.chars() {
        match c {
            // These five only ever stand inside of strings, where an escape is as good.
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                text.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            _ => text.push(c),
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_for_people() {
        let rows = [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1 KB"),
            (1_500, "1.5 KB"),
            (485_000_000, "485 MB"),
            (4_920_738_944, "4.9 GB"),
            (u64::MAX, "18446744 TB"),
        ];
        for (bytes, text) in rows {
            assert_eq!(human_bytes(bytes), text);
        }
    }

    #[test]
    fn json_as_go_writes_it() {
        let value = serde_json::json!({"stop": ["<|im_end|>", "a&b\u{2028}"], "n": 1});
        let text = go_json(&value).unwrap();
        let wanted = r#"{"stop":["\u003c|im_end|\u003e","a\u0026b\u2028"],"n":1}"#;
        assert_eq!(text, wanted);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
