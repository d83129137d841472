//! Contract 20: which keys a log needs, and that it needs no others.
//!
//! *Verified:* a log opens, and all of it can be read, with the keys that it named, whatever was
//! rotated, encrypted anew or retired before a crash; a key that a segment needs can't be retired,
//! one that none needs can; the log's own view of its current key is what it was told.
//! *Not verified:* with which key what is sealed; that is for the ledger.

use seawall::Error;

use super::{Property, Tally, Violation, ensure};

/// Checks what the log answers when it is to let a key go.
///
/// # Errors
/// [`Property::Keys`].
pub fn check_retirement(
    number: u32,
    is_needed: bool,
    result: &Result<bool, Error>,
    tally: &mut Tally,
) -> Result<(), Violation> {
    tally.evaluated(Property::Keys);
    let is_right = match result {
        Ok(was_there) => !is_needed && *was_there,
        Err(Error::KeyInUse { .. }) => is_needed,
        // Judged as any error is.
        Err(_) => true,
    };
    ensure(Property::Keys, is_right, || {
        let need = if is_needed { "needed" } else { "not needed" };
        format!("key {number} is {need}, but letting it go returned {result:?}")
    })
}
