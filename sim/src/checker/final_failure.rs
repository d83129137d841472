//! Contract 5: once the log has said that it is poisoned, nothing succeeds.
//!
//! *Verified:* no call that began after a call had returned [`Error::Poisoned`] returns `Ok` or
//! another error, whoever makes it; the client that heard of it tries again at once.
//! *Not verified:* that the poison is published before the first waiter is released: a call that
//! overlaps the failing one may return either way here, and a false `Ok` is left to
//! `acknowledged`, which sees what it lost.

use seawall::Error;

use super::{Property, Tally, Violation, ensure};

/// Checks the outcome of a call that began when the log had already said that it is poisoned.
///
/// # Errors
/// [`Property::FinalFailure`].
pub fn check<T>(what: &str, result: &Result<T, Error>, tally: &mut Tally) -> Result<(), Violation> {
    tally.evaluated(Property::FinalFailure);
    ensure(
        Property::FinalFailure,
        matches!(result, Err(Error::Poisoned { .. })),
        || match result {
            Ok(_) => format!("{what} succeeded on a poisoned log"),
            Err(error) => format!("{what} on a poisoned log said: {error}"),
        },
    )
}
