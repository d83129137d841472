//! Who waits within the functions of this module, so that nobody calls the simulator to wake nobody.

use super::answer::Kept;
use crate::sys;

/// The address that each waiting thread waits at.
static WAITING: Kept<Vec<usize>> = Kept::new(Vec::new());

/// Waits at `address` until there is something: `look` says what. It looks, and begins to wait, with
/// nobody else between.
pub fn until<T>(address: usize, mut look: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(found) = look() {
            return found;
        }
        WAITING.with(|waiting| waiting.push(address));
        let woken = sys::futex_wait(address, None);
        debug_assert!(woken.is_ok(), "no deadline");
        WAITING.with(|waiting| {
            let own = waiting.iter().position(|other| *other == address);
            waiting.swap_remove(own.expect("pushed above"));
        });
    }
}

/// Wakes up to `count` of those who wait at `address`.
pub fn wake(address: usize, count: u32) {
    if WAITING.with(|waiting| waiting.contains(&address)) {
        sys::futex_wake(address, count);
    }
}
