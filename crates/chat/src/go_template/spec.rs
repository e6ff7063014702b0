//! What stands between `%` and its verb: flags, width, precision.

use crate::error::Error;
use crate::limits::MAX_FORMAT_WIDTH;

/// One verb with what stands before it.
#[derive(Clone, Copy)]
pub(super) struct Spec {
    pub verb: char,
    pub minus: bool,
    pub plus: bool,
    pub sharp: bool,
    pub space: bool,
    pub zero: bool,
    pub width: usize,
    pub precision: Option<usize>,
}

impl Spec {
    /// A verb alone.
    pub fn new(verb: char) -> Spec {
        Spec {
            verb,
            minus: false,
            plus: false,
            sharp: false,
            space: false,
            zero: false,
            width: 0,
            precision: None,
        }
    }

    /// The text filled up to the width.
    pub fn pad(self, text: &str, out: &mut String) {
        let missing = self.width.saturating_sub(text.chars().count());
        if self.minus {
            out.push_str(text);
            out.extend(std::iter::repeat_n(' ', missing));
        } else if self.zero {
            // Zeros go between sign and digits.
            let digits = text.trim_start_matches(['+', '-']);
            out.push_str(text.get(..text.len() - digits.len()).unwrap_or_default());
            out.extend(std::iter::repeat_n('0', missing));
            out.push_str(digits);
        } else {
            out.extend(std::iter::repeat_n(' ', missing));
            out.push_str(text);
        }
    }

    /// Digits with the sign the flags ask for.
    pub fn signed(self, negative: bool, digits: &str) -> String {
        let sign = match (negative, self.plus, self.space) {
            (true, ..) => "-",
            (_, true, _) => "+",
            (_, _, true) => " ",
            _ => "",
        };
        format!("{sign}{digits}")
    }

    /// Flags, width, precision and verb at the start of `field`, and what follows; no verb at the
    /// end.
    pub fn read(field: &str) -> Result<(Option<Spec>, &str), Error> {
        let mut spec = Spec::new('v');
        let mut rest = field;
        while let Some(flag) = rest.chars().next().filter(|c| "-+# 0".contains(*c)) {
            match flag {
                '-' => spec.minus = true,
                '+' => spec.plus = true,
                '#' => spec.sharp = true,
                ' ' => spec.space = true,
                _ => spec.zero = true,
            }
            rest = rest.get(1..).unwrap_or_default();
        }
        spec.zero &= !spec.minus;
        let (width, tail) = number(rest)?;
        spec.width = width.unwrap_or(0);
        rest = tail;
        if let Some(tail) = rest.strip_prefix('.') {
            let (precision, tail) = number(tail)?;
            spec.precision = Some(precision.unwrap_or(0));
            rest = tail;
        }
        let Some(verb) = rest.chars().next() else {
            return Ok((None, rest));
        };
        if matches!(verb, '*' | '[') {
            let detail = format!("'%{verb}' is not available in format strings");
            return Err(Error::Failed { detail });
        }
        spec.verb = verb;
        Ok((Some(spec), rest.get(verb.len_utf8()..).unwrap_or_default()))
    }
}

/// A number at the start of a text, and what follows.
fn number(text: &str) -> Result<(Option<usize>, &str), Error> {
    let n = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(n).unwrap_or((text, ""));
    if digits.is_empty() {
        return Ok((None, rest));
    }
    let value = digits.parse().ok().filter(|n| *n <= MAX_FORMAT_WIDTH);
    value.map_or(Err(Error::OutputLimit), |n| Ok((Some(n), rest)))
}
