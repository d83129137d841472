//! Contract 23: a second opener is refused before it changes anything.
//!
//! *Verified:* while a log is open, another open of its directory says that it is locked, and has
//! made no call that changes the disk.
//! *Not verified:* openers in other processes: the lock's own rules are the disk's.

use seawall::Error;

use super::errors::tell;
use super::{Property, Tally, Violation, ensure};

/// Checks the outcome of a second open.
///
/// # Errors
/// [`Property::OneWriter`].
pub fn check(
    refusal: Option<&Error>,
    changing_calls: u64,
    disk_is_to_blame: bool,
    tally: &mut Tally,
) -> Result<(), Violation> {
    tally.evaluated(Property::OneWriter);
    ensure(Property::OneWriter, changing_calls == 0, || {
        format!("a second opener made {changing_calls} calls that change the disk")
    })?;
    match refusal {
        Some(Error::Locked { .. }) => Ok(()),
        Some(Error::Io { .. }) if disk_is_to_blame => Ok(()),
        Some(error) => {
            let story = format!(
                "a second opener was refused for another reason: {}",
                tell(error)
            );
            Err(Violation::new(Property::OneWriter, story))
        }
        None => Err(Violation::new(
            Property::OneWriter,
            "the log was opened twice at once",
        )),
    }
}
