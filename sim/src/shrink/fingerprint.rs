//! What makes two failures the same: the property, and the place where its checker saw it.

use std::fmt;

use crate::checker::{Property, Violation};

/// The kind of a failure. Its text is the property and the sentence's parts that do not differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    property: Property,
    /// The checker's sentence without what differs from run to run.
    place: String,
}

impl Fingerprint {
    /// The fingerprint of a failure.
    pub fn of(violation: &Violation) -> Fingerprint {
        Fingerprint {
            property: violation.property,
            place: match violation.property {
                // The place, with its line, is at the message's end.
                Property::Panic => match violation.story.rsplit_once(" at ") {
                    Some((message, place)) => format!("{} at {place}", skeleton(message)),
                    None => skeleton(&violation.story),
                },
                _ => skeleton(&violation.story),
            },
        }
    }

    /// Whether a failure is of this kind.
    pub fn is_of(&self, violation: &Violation) -> bool {
        Fingerprint::of(violation) == *self
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.property, self.place)
    }
}

/// The first and the last clause of a sentence, with `#` for each number: what was seen, and why.
pub(crate) fn skeleton(story: &str) -> String {
    let first = story.split(": ").next().unwrap_or_default();
    let last = story.rsplit(": ").next().unwrap_or_default();
    let mut text = String::new();
    for word in first.split(' ').chain(last.split(' ')) {
        if !text.is_empty() {
            text.push(' ');
        }
        if is_key(word) {
            text.push('#');
            continue;
        }
        for letter in word.chars() {
            let is_number = letter.is_ascii_digit();
            if !(is_number && text.ends_with('#')) {
                text.push(if is_number { '#' } else { letter });
            }
        }
    }
    text
}

/// Whether a word is a seed, or the id of a key or of a log: hexadecimal digits, and no word of a language.
fn is_key(word: &str) -> bool {
    let word = word.trim_end_matches([',', ';', '.']);
    let (digits, least) = match word.strip_prefix("0x") {
        Some(digits) => (digits, 1),
        None => (word, 8),
    };
    digits.len() >= least && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_details_make_no_other_failure_but_words_do() {
        let of = |story: &str| Fingerprint::of(&Violation::new(Property::Prefix, story));
        assert_eq!(of("lsn 7 is not lsn 12"), of("lsn 31 is not lsn 4"));
        let read = |name: &str, why: &str| of(&format!("a read failed: {name}: {why}"));
        assert_eq!(
            read("seg-1", "a torn frame"),
            read("seg-27", "a torn frame")
        );
        assert_ne!(read("seg-1", "a torn frame"), read("seg-1", "no header"));
        assert_ne!(of("lsn 7 is gone"), of("lsn 7 is wrong"));
        let key = |id: &str| {
            of(&format!(
                "seg-1 is encrypted with key {id}, which is not given"
            ))
        };
        assert_eq!(key("b19f56cb8a13dec1"), key("dadadadaffaaffaa"));
        assert_ne!(key("b19f56cb8a13dec1"), key("of-the-other-log"));
        let panic = |len: u32, line: u32| {
            let story = format!("the len is {len} but the index is 9 at src/a.rs:{line}");
            Fingerprint::of(&Violation::new(Property::Panic, story))
        };
        assert_eq!(panic(3, 17), panic(4, 17));
        assert_ne!(panic(3, 17), panic(3, 18));
        let other = Violation::new(Property::Stability, "lsn 7 is gone");
        assert!(!of("lsn 7 is gone").is_of(&other));
    }
}
