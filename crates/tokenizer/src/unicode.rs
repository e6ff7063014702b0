//! The seven classes of characters that word splitters distinguish.
//!
//! A table of our own and not the standard library's `char::is_alphabetic`: that one follows the
//! derived property Alphabetic (which takes in marks and letter numbers) and the Unicode version of
//! the compiler, while ids must be those of the general categories the reference tokenizers use.
//! White space is the property White_Space, and comes before the category (U+0085 is a control
//! character by category). Everything else (controls, formats, private use, unassigned) is `Other`.

use crate::unicode_table::RUNS;

/// What a splitter may know about a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Class {
    Other = 0,
    /// `\p{L}`
    Letter = 1,
    /// `\p{N}`, with letter numbers (Ⅷ) and others (½)
    Number = 2,
    /// `\p{M}`
    Mark = 3,
    /// `\p{P}`
    Punctuation = 4,
    /// `\p{S}`
    Symbol = 5,
    /// `\s`
    Space = 6,
}

impl Class {
    const fn from_low_bits(entry: u32) -> Class {
        match entry & 7 {
            1 => Class::Letter,
            2 => Class::Number,
            3 => Class::Mark,
            4 => Class::Punctuation,
            5 => Class::Symbol,
            6 => Class::Space,
            _ => Class::Other,
        }
    }
}

/// ASCII is most of all text: one load instead of a search.
static ASCII: [Class; 128] = {
    let mut table = [Class::Other; 128];
    let (mut run, mut c) = (0, 0);
    while c < 128 {
        while run + 1 < RUNS.len() && RUNS[run + 1] >> 3 <= c {
            run += 1;
        }
        table[c as usize] = Class::from_low_bits(RUNS[run]);
        c += 1;
    }
    table
};

/// The class of a character.
#[inline]
pub(crate) fn class(c: char) -> Class {
    match ASCII.get(c as usize) {
        Some(class) => *class,
        None => search(c),
    }
}

fn search(c: char) -> Class {
    // Of all runs that start at or before `c` the last: those have a key below the next point's.
    let after = RUNS.partition_point(|entry| *entry < ((c as u32) + 1) << 3);
    RUNS.get(after.wrapping_sub(1)).map_or(Class::Other, |entry| Class::from_low_bits(*entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_have_the_classes_of_unicode_15_1() {
        for (c, want) in [
            ('\0', Class::Other),
            ('\t', Class::Space),
            ('\u{1c}', Class::Other),
            (' ', Class::Space),
            ('!', Class::Punctuation),
            ('$', Class::Symbol),
            ('7', Class::Number),
            ('a', Class::Letter),
            ('\u{7f}', Class::Other),
            ('\u{85}', Class::Space),
            ('\u{a0}', Class::Space),
            ('½', Class::Number),
            ('é', Class::Letter),
            ('\u{301}', Class::Mark),
            ('Ⅷ', Class::Number),
            ('\u{200b}', Class::Other),
            ('\u{2028}', Class::Space),
            ('\u{3000}', Class::Space),
            ('。', Class::Punctuation),
            ('漢', Class::Letter),
            ('한', Class::Letter),
            ('\u{e000}', Class::Other),
            ('😀', Class::Symbol),
            ('\u{2ebf0}', Class::Letter),
            ('\u{10ffff}', Class::Other),
        ] {
            assert_eq!(class(c), want, "{c:?}");
        }
    }

    #[test]
    fn every_run_is_found_from_both_of_its_ends() {
        for pair in RUNS.windows(2) {
            let (first, next) = (pair[0] >> 3, pair[1] >> 3);
            let want = Class::from_low_bits(pair[0]);
            for c in [first, next - 1].into_iter().filter_map(char::from_u32) {
                assert_eq!(class(c), want, "{c:?}");
            }
        }
    }
}
