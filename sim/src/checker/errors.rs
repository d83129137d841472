//! Contract 6: an error has a cause, and its type says what it means.
//!
//! *Verified:* no call fails in a life in which the disk did nothing wrong, but for calls that
//! are to be refused; an interrupted call is continued, and no file that the log needs is missing;
//! bytes that no fault class damages are never called corrupt; a log never says that it is closed
//! unless a close has succeeded or is under way.
//! *Not verified:* that an error names the right cause where several faults fired.

use std::io::ErrorKind;

use seawall::Error;

use super::guarantee::is_about_damage;
use super::{Property, Tally, Violation};

/// What may make a call fail that nobody has to refuse.
#[derive(Clone, Copy, Debug, Default)]
pub struct Excuses {
    /// The disk has failed a call of the log in this life.
    pub disk: bool,
    /// The medium has damaged something that a sync had covered.
    pub damage: bool,
    /// Somebody else's close has succeeded or is under way.
    pub close: bool,
}

/// Calls that read nothing.
const WRITERS: [&str; 7] = [
    "append",
    "append_batch",
    "append_durable",
    "sync",
    "prepare",
    "wait_durable",
    "close",
];

/// Checks an error of a call that should have succeeded but for these excuses.
///
/// # Errors
/// [`Property::Errors`], or [`Property::Opens`] where intact bytes are called corrupt.
pub fn check(
    what: &str,
    error: &Error,
    excuses: Excuses,
    tally: &mut Tally,
) -> Result<(), Violation> {
    tally.evaluated(Property::Errors);
    if let Some(story) = inexcusable(error) {
        return Err(Violation::new(
            Property::Errors,
            format!("{what} failed: {story}"),
        ));
    }
    let cause = match error {
        Error::Io { .. }
        | Error::Full { .. }
        | Error::Poisoned { .. }
        | Error::DirectIoRefused { .. } => excuses.disk,
        Error::Closed => excuses.close,
        // Whoever only writes has no reason to look.
        damage if is_about_damage(damage) && excuses.damage && !WRITERS.contains(&what) => true,
        Error::Corrupt { .. } | Error::Foreign { .. } | Error::Version { .. } => {
            let story = format!(
                "{what} calls the log damaged, which it is not: {}",
                tell(error)
            );
            return Err(Violation::new(Property::Opens, story));
        }
        Error::Encrypted { .. } | Error::Plaintext { .. } | Error::KeyInUse { .. } => {
            let story = format!("{what} misses a key, or has too many: {}", tell(error));
            return Err(Violation::new(Property::Keys, story));
        }
        _ => false,
    };
    match cause {
        true => Ok(()),
        false => {
            let story = format!("{what} failed without a cause: {}", tell(error));
            Err(Violation::new(Property::Errors, story))
        }
    }
}

/// What no fault of the disk excuses: an interruption that was not continued (but for a sync, which
/// must not be), and a file of the log that is not there.
fn inexcusable(error: &Error) -> Option<String> {
    match error {
        Error::Poisoned { cause } => inexcusable(cause),
        Error::Io {
            operation, source, ..
        } => match source.kind() {
            ErrorKind::Interrupted if operation.starts_with("sync") => None,
            ErrorKind::Interrupted | ErrorKind::NotFound => Some(tell(error)),
            _ => None,
        },
        _ => None,
    }
}

/// An error with all that it wraps, in one line.
pub fn tell(error: &Error) -> String {
    let mut text = error.to_string();
    let mut inner = std::error::Error::source(error);
    while let Some(error) = inner {
        text = format!("{text}: {error}");
        inner = error.source();
    }
    text
}
