//! The composer: directives are resolved line by line; nothing here parses WGSL.
//!
//! Text and not a syntax tree, because the parts must reach the browser as written (naga's WGSL
//! writer is not on the path) and because two directives and a prelude are all that kernels need.

use std::fmt::Write;

use crate::parts::part;

/// For whom the text is composed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// naga, natively: subgroup built-ins need no `enable`.
    Native,
    /// Chromium, Firefox, Safari.
    Browser,
}

/// A kernel with everything that was chosen for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Source {
    /// Path of the kernel: "kernels/matvec".
    pub kernel: &'static str,
    /// Constants of the prelude: name, and the expression with its type ("64u", "true").
    pub consts: Vec<(&'static str, String)>,
    /// Which part stands in each slot: ("quant_a", "quant/q4_k").
    pub slots: Vec<(&'static str, &'static str)>,
    /// The text uses subgroup built-ins.
    pub subgroups: bool,
    /// The text uses the `f16` type.
    pub f16: bool,
    /// The text uses cooperative matrices, which only naga has.
    pub coop: bool,
}

/// A mistake in the parts; a test composes every variant, so products never meet it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComposeError {
    NoPart(String),
    NoSlot { slot: String, within: String },
}

impl std::fmt::Display for ComposeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ComposeError::NoPart(path) => write!(f, "there is no WGSL part '{path}'"),
            ComposeError::NoSlot { slot, within } => {
                write!(f, "nothing was chosen for the slot '{slot}' of '{within}'")
            }
        }
    }
}

impl std::error::Error for ComposeError {}

impl Source {
    /// The WGSL text.
    ///
    /// # Errors
    /// If a directive names a part or slot that does not exist.
    pub fn compose(&self, dialect: Dialect) -> Result<String, ComposeError> {
        let mut out = String::new();
        if self.f16 {
            out.push_str("enable f16;\n");
        }
        if self.subgroups && dialect == Dialect::Browser {
            out.push_str("enable subgroups;\n");
        }
        if self.coop {
            out.push_str("enable wgpu_cooperative_matrix;\n");
        }
        for (name, value) in &self.consts {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "const {name} = {value};");
        }
        self.append(self.kernel, "", &mut Vec::new(), &mut out)?;
        Ok(out)
    }

    fn append(
        &self,
        path: &str,
        suffix: &str,
        done: &mut Vec<(String, String)>,
        out: &mut String,
    ) -> Result<(), ComposeError> {
        let key = (path.to_string(), suffix.to_string());
        if done.contains(&key) {
            return Ok(());
        }
        done.push(key);
        let text = part(path).ok_or_else(|| ComposeError::NoPart(path.to_string()))?;
        for line in text.lines() {
            let Some(directive) = line.strip_prefix("//@") else {
                if suffix.is_empty() {
                    out.push_str(line);
                } else {
                    out.push_str(&line.replace("_Q", suffix));
                }
                out.push('\n');
                continue;
            };
            let mut words = directive.split_whitespace();
            let is_slot = words.next() == Some("slot");
            let name = words.next().unwrap_or_default();
            // `as Q` inside a part keeps the suffix that the part itself was given.
            let inner = match words.nth(1) {
                None => String::new(),
                Some("Q") => suffix.to_string(),
                Some(other) => format!("_{other}"),
            };
            let target = if is_slot { self.slot(name, path)? } else { name };
            self.append(target, &inner, done, out)?;
        }
        Ok(())
    }

    fn slot(&self, name: &str, within: &str) -> Result<&'static str, ComposeError> {
        self.slots.iter().find(|(slot, _)| *slot == name).map(|(_, part)| *part).ok_or_else(|| {
            ComposeError::NoSlot { slot: name.to_string(), within: within.to_string() }
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test should panic")]
    use super::*;

    fn source() -> Source {
        Source {
            kernel: "kernels/embed",
            consts: vec![("WG", "64u".into())],
            slots: vec![("quant_a", "quant/q4_0")],
            subgroups: true,
            ..Source::default()
        }
    }

    #[test]
    fn parts_stand_once_and_suffixes_are_replaced() {
        let text = source().compose(Dialect::Native).unwrap();
        assert_eq!(text.matches("fn half_at").count(), 1);
        assert!(text.contains("fn codes_A(") && !text.contains("_Q("), "{text}");
        assert!(text.starts_with("const WG = 64u;\n"));
    }

    #[test]
    fn only_browsers_see_enable_subgroups() {
        assert!(!source().compose(Dialect::Native).unwrap().contains("enable"));
        assert!(source().compose(Dialect::Browser).unwrap().starts_with("enable subgroups;"));
    }

    #[test]
    fn missing_slots_and_parts_are_named() {
        let mut bad = source();
        bad.slots.clear();
        let error = bad.compose(Dialect::Native).unwrap_err();
        assert_eq!(
            error,
            ComposeError::NoSlot { slot: "quant_a".into(), within: "kernels/embed".into() }
        );
        bad.slots = vec![("quant_a", "quant/q9")];
        assert_eq!(
            bad.compose(Dialect::Native).unwrap_err(),
            ComposeError::NoPart("quant/q9".into())
        );
    }
}
