//! What was found out about a device's numbers, as text that a host stores.
//!
//! Its outside is [`kept`]'s: bound to adapter, driver and version, guarded by a sum. Only forms
//! that are right are listed: of a wrong one only the part that was switched off is left, with the
//! reason, and with another part off everything is tried anew.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use crate::kept;

/// First words of the text. The number grows when kernels, probes or the format change.
const HEAD: &str = "ingle doctor 1";
/// Forms that are kept; more are tried again.
const MAX_FORMS: usize = 1024;
/// Characters of a reason.
const MAX_REASON_CHARS: usize = 200;

/// What can be switched off, in the order in which it is suspected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Products of signed bytes.
    Integers,
    /// Reductions with subgroup operations.
    Subgroups,
    /// Weights in `f16`.
    HalfPrecision,
    /// The device itself: the processor computes.
    Device,
}

const PARTS: [Part; 4] = [Part::Integers, Part::Subgroups, Part::HalfPrecision, Part::Device];

impl Part {
    /// One word, for files and machines.
    pub fn word(self) -> &'static str {
        match self {
            Part::Integers => "integers",
            Part::Subgroups => "subgroups",
            Part::HalfPrecision => "f16",
            Part::Device => "device",
        }
    }
}

/// A part that is not used, because a form that stands on it was wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwitchedOff {
    pub part: Part,
    /// The form that was wrong, and how.
    pub reason: String,
}

impl fmt::Display for SwitchedOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.part {
            Part::Integers => "integer products are",
            Part::Subgroups => "subgroup operations are",
            Part::HalfPrecision => "half precision is",
            Part::Device => "the graphics chip is",
        };
        write!(f, "{what} not used, because {}", self.reason)
    }
}

/// One form on this device.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// As in "row Q4_K float 64x4".
    pub form: String,
    /// Normalized mean squared error against the scalar twin, or the share of wrong values where
    /// they must be equal; the worst of the probe. Infinite if it did not run.
    pub error: f64,
    /// Largest error allowed.
    pub tolerance: f64,
    /// Why it did not run; empty if it did.
    pub refused: String,
}

impl Finding {
    pub(super) fn compared(form: String, error: f64, tolerance: f64) -> Finding {
        Finding { form, error, tolerance, refused: String::new() }
    }

    pub(super) fn refused(form: String, reason: &str) -> Finding {
        let words: Vec<_> = reason.split_whitespace().collect();
        let refused = words.join(" ").chars().take(MAX_REASON_CHARS).collect();
        Finding { form, error: f64::INFINITY, tolerance: 0.0, refused }
    }

    /// True if the error is within the tolerance (NaN is not).
    pub fn is_right(&self) -> bool {
        self.error <= self.tolerance
    }

    fn reason(&self) -> String {
        let Finding { form, error, tolerance, refused } = self;
        if refused.is_empty() {
            format!("'{form}' gave an error of {error:.1e} where {tolerance:.1e} is allowed")
        } else {
            format!("'{form}' did not run: {refused}")
        }
    }
}

/// All that is known about one device.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    right: BTreeMap<String, (f64, f64)>,
    pub(super) off: Vec<SwitchedOff>,
}

impl Record {
    pub(super) fn has(&self, form: &str) -> bool {
        self.right.contains_key(form)
    }

    pub(super) fn right(&mut self, finding: Finding) {
        if self.right.len() < MAX_FORMS {
            self.right.insert(finding.form, (finding.error, finding.tolerance));
        }
    }

    /// What was right with the part says nothing about the kernels without it.
    pub(super) fn switch_off(&mut self, part: Part, finding: &Finding) {
        self.right.clear();
        self.off.push(SwitchedOff { part, reason: finding.reason() });
    }

    pub(super) fn findings(&self) -> Vec<Finding> {
        let finding = |(form, &(error, tolerance)): (&String, _)| {
            Finding::compared(form.clone(), error, tolerance)
        };
        self.right.iter().map(finding).collect()
    }

    pub(super) fn to_text(&self, device: &str) -> String {
        let mut text = kept::begin(HEAD, device);
        for SwitchedOff { part, reason } in &self.off {
            let _ = writeln!(text, "off {} {reason}", part.word());
        }
        for (form, (error, tolerance)) in &self.right {
            let _ = writeln!(text, "right {error:e} {tolerance:e} {form}");
        }
        kept::end(text)
    }

    pub(super) fn parse(text: &str, device: &str) -> Result<Record, String> {
        let mut record = Record::default();
        for line in kept::lines(text, HEAD, device)? {
            record.line(line).ok_or_else(kept::damaged)?;
        }
        Ok(record)
    }

    fn line(&mut self, line: &str) -> Option<()> {
        if let Some((word, reason)) = line.strip_prefix("off ").and_then(|l| l.split_once(' ')) {
            let part = PARTS.into_iter().find(|part| part.word() == word)?;
            self.off.push(SwitchedOff { part, reason: reason.to_owned() });
            return Some(());
        }
        let mut words = line.strip_prefix("right ")?.splitn(3, ' ');
        let (error, tolerance) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        self.right(Finding::compared(words.next()?.to_owned(), error, tolerance));
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Record {
        let mut record = Record::default();
        let wrong = Finding::compared("row Q4_K integer 64x4".into(), 0.5, 6e-6);
        record.right(Finding::compared("norm".into(), 1e-13, 4e-11));
        record.switch_off(Part::Integers, &wrong);
        record.switch_off(Part::Subgroups, &Finding::refused("norm".into(), "no\n such  thing"));
        record.right(Finding::compared("norm".into(), 1e-13, 4e-11));
        record.right(Finding::compared("choose the best".into(), 0.0, 0.0));
        record
    }

    #[test]
    fn text_comes_back() {
        let record = example();
        let text = record.to_text("a GPU, driver 1");
        assert_eq!(Record::parse(&text, "a GPU, driver 1"), Ok(record.clone()), "{text}");
        let said: Vec<String> = record.off.iter().map(SwitchedOff::to_string).collect();
        assert_eq!(
            said,
            [
                "integer products are not used, because 'row Q4_K integer 64x4' gave an error of \
                 5.0e-1 where 6.0e-6 is allowed",
                "subgroup operations are not used, because 'norm' did not run: no such thing",
            ]
        );
        assert_eq!(record.findings().len(), 2, "what was right before is not believed any more");
    }

    #[test]
    fn other_drivers_and_damage_are_refused() {
        let text = example().to_text("a GPU, driver 1");
        kept::refuses_all_but(&text, |text, device| Record::parse(text, device).err());
    }

    #[test]
    fn only_a_number_within_its_tolerance_is_right() {
        let right = |error| Finding::compared(String::new(), error, 1e-9).is_right();
        assert!(right(0.0) && right(1e-9));
        assert!(!right(2e-9) && !right(f64::NAN) && !right(f64::INFINITY));
    }
}
