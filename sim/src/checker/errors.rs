//! Contract 6: an error has a cause, and its type says what it means.
//!
//! *Verified:* no call fails in a life in which the disk did nothing wrong, but for calls that
//! are to be refused; bytes that no fault class damages are never called corrupt; a log never
//! says that it is closed before it was.
//! *Not verified:* that an error names the right cause where several faults fired.

use seawall::Error;

use super::{Property, Tally, Violation};

/// Checks an error of a call that should have succeeded but for faults of the disk.
///
/// # Errors
/// [`Property::Errors`], or [`Property::Opens`] where intact bytes are called corrupt.
pub fn check(
    what: &str,
    error: &Error,
    disk_is_to_blame: bool,
    tally: &mut Tally,
) -> Result<(), Violation> {
    tally.evaluated(Property::Errors);
    let cause = match error {
        Error::Io { .. } | Error::Full { .. } | Error::Poisoned { .. } => disk_is_to_blame,
        Error::Corrupt { .. } | Error::Foreign { .. } | Error::Version { .. } => {
            let story = format!(
                "{what} calls the log damaged, which it is not: {}",
                tell(error)
            );
            return Err(Violation::new(Property::Opens, story));
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
