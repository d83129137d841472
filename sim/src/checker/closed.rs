//! The contract's `close`: what was closed stays closed.
//!
//! *Verified:* no call that began after a close had returned `Ok`, or after any call had said that
//! the log is closed, returns anything but [`Error::Closed`], or the poison of a failure that came
//! before; the client that heard of it tries again at once. Nobody hears of a closed log before a
//! close has begun: see `errors`. What a close acknowledged is there: see `acknowledged`.
//! *Not verified:* calls that overlap the close: they may go either way.

use seawall::Error;

use super::{Property, Tally, Violation, ensure};

/// Checks the outcome of a call that began when the log was known to be closed.
///
/// # Errors
/// [`Property::Closed`].
pub fn check<T>(what: &str, result: &Result<T, Error>, tally: &mut Tally) -> Result<(), Violation> {
    tally.evaluated(Property::Closed);
    let is_right = matches!(result, Err(Error::Closed | Error::Poisoned { .. }));
    ensure(Property::Closed, is_right, || match result {
        Ok(_) => format!("{what} succeeded on a closed log"),
        Err(error) => format!("{what} on a closed log said: {error}"),
    })
}
