//! Numbers as `fmt` prints them.

use super::spec::Spec;

/// A whole number by its verb; `None` for a verb that is not for whole numbers.
pub(super) fn integer(n: i64, verb: char, spec: Spec) -> Option<String> {
    let size = n.unsigned_abs();
    let digits = match (verb, spec.sharp) {
        ('d' | 'v', _) => size.to_string(),
        ('x', true) => format!("{size:#x}"),
        ('x', false) => format!("{size:x}"),
        ('X', _) => format!("{size:X}"),
        ('o', _) => format!("{size:o}"),
        ('b', _) => format!("{size:b}"),
        ('U', _) => return Some(format!("U+{size:04X}")),
        ('c' | 'q', _) => {
            let code = u32::try_from(n).ok().and_then(char::from_u32);
            let c = code.unwrap_or(char::REPLACEMENT_CHARACTER);
            return Some(if verb == 'c' { c.to_string() } else { format!("'{c}'") });
        }
        _ => return None,
    };
    Some(spec.signed(n < 0, &digits))
}

/// A number that is not negative, without its sign.
pub(super) fn float(x: f64, spec: Spec) -> String {
    if x.is_nan() {
        return "NaN".to_owned();
    }
    if x.is_infinite() {
        return "+Inf".to_owned();
    }
    match spec.verb {
        'f' | 'F' => format!("{x:.*}", spec.precision.unwrap_or(6)),
        'e' | 'E' => exponent(&format!("{x:.*e}", spec.precision.unwrap_or(6))),
        _ => general(x, spec.precision),
    }
}

/// From this power of ten on the shortest form has an exponent.
const SHORTEST_DIGITS: i32 = 6;

/// `%g`: the shortest digits, or `precision` of them; an exponent below 1e-4 and from the number
/// of digits on, which counts as 6 where it is not given: a million is `1e+06`.
fn general(x: f64, precision: Option<usize>) -> String {
    let digits = match precision {
        Some(n) => format!("{x:.*e}", n.max(1) - 1),
        None => format!("{x:e}"),
    };
    let Some((mantissa, power)) = digits.split_once('e') else {
        return digits;
    };
    let power: i32 = power.parse().unwrap_or(0);
    let mantissa = if mantissa.contains('.') {
        mantissa.trim_end_matches('0').trim_end_matches('.')
    } else {
        mantissa
    };
    let n_digits = i32::try_from(mantissa.bytes().filter(u8::is_ascii_digit).count()).unwrap_or(0);
    let limit = match precision {
        Some(n) => i32::try_from(n.max(1)).unwrap_or(i32::MAX),
        None => SHORTEST_DIGITS,
    };
    if x != 0.0 && (power < -4 || power >= limit) {
        return exponent(&format!("{mantissa}e{power}"));
    }
    let decimals = usize::try_from((n_digits - 1 - power).max(0)).unwrap_or(0);
    format!("{x:.decimals$}")
}

/// Rust's `1e6` as Go's `1e+06`.
fn exponent(text: &str) -> String {
    let Some((mantissa, power)) = text.split_once('e') else {
        return text.to_owned();
    };
    let (sign, digits) = match power.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', power),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}
