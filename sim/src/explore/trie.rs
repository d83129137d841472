//! What recoveries have asked and been told: a tree that leads from answers to an outcome.
//!
//! A recovery is deterministic, so from the names that it finds, and from the answers so far, follows
//! its next question; and from all answers what it does and shows. An image whose answers lead
//! to a known end needs no recovery.

use super::cut::{Cut, Question};
use super::digest::{Digest, Seen};

/// More places than this, and all is forgotten: that costs time, but nothing else.
const PLACES_MAX: usize = 8_000_000;

/// A place in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Asks(Question),
    /// The recovery ends with this outcome, by its number.
    Ends(u32),
}

/// All recoveries that came after the same number of others.
#[derive(Debug, Default)]
pub(super) struct Trie {
    places: Vec<Place>,
    /// From a place and an answer to the next place.
    next: Seen<u32>,
}

/// Where a walk has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// A number for all that was seen on the way; it means nothing after another one was added.
    pub(super) seen: u64,
    pub(super) outcome: u32,
}

fn step(from: u64, answer: u64) -> u64 {
    Digest::of_words(&[from, answer])
}

impl Trie {
    /// Looks at an image in the order of the questions. `root` tells all that is known before the first:
    /// how the log is opened.
    pub(super) fn walk(&self, root: u64, cut: &mut Cut) -> Option<End> {
        cut.begin();
        let mut seen = step(root, cut.names_digest);
        loop {
            let place = *self.next.get(&seen)?;
            match self.places[place as usize] {
                Place::Asks(question) => seen = step(seen, cut.answer(question)),
                Place::Ends(outcome) => return Some(End { seen, outcome }),
            }
        }
    }

    /// Adds what a recovery has asked and been told, and its outcome.
    ///
    /// # Errors
    /// When another one was told the same, and then asked or did something else.
    pub(super) fn add(
        &mut self,
        root: u64,
        cut: &Cut,
        asked: &[(Question, u64)],
        outcome: u32,
    ) -> Result<End, String> {
        if self.places.len() + asked.len() >= PLACES_MAX {
            *self = Trie::default();
        }
        let mut seen = step(root, cut.names_digest);
        for &(question, answer) in asked {
            self.put(seen, Place::Asks(question))?;
            seen = step(seen, answer);
        }
        self.put(seen, Place::Ends(outcome))?;
        Ok(End { seen, outcome })
    }

    fn put(&mut self, seen: u64, place: Place) -> Result<(), String> {
        match self.next.get(&seen) {
            Some(&known) if self.places[known as usize] == place => Ok(()),
            Some(&known) => {
                let known = self.places[known as usize];
                Err(format!(
                    "after the same answers, one recovery {known:?}, another {place:?}"
                ))
            }
            None => {
                self.next.insert(seen, self.places.len() as u32);
                self.places.push(place);
                Ok(())
            }
        }
    }
}
