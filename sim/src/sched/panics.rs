//! Panics of tasks: kept quiet, and remembered with their place.
//!
//! A panic of a task is a finding of the run, not of the process, so it goes into the outcome and
//! not to the terminal. All other panics go to the hook that was there before, and so does a
//! second panic of a task: it usually comes out of a destructor and is about to abort the process.
//! Whoever judges a run may be listened to in the same way.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::Once;

use super::Scheduler;

thread_local! {
    /// The panic of the running task that nobody has reported yet.
    static NOTE: RefCell<Option<String>> = const { RefCell::new(None) };
    /// Whether panics outside of tasks are findings, too.
    static IS_JUDGED: Cell<bool> = const { Cell::new(false) };
}

/// Sets the process's panic hook, once.
pub(super) fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let second = NOTE.with_borrow(Option::is_some);
            if Scheduler::runs_a_task_here() || IS_JUDGED.get() {
                NOTE.set(Some(describe(info)));
                if !second {
                    return;
                }
            }
            before(info);
        }));
    });
}

/// What `act` returns, or the message of its panic, which the terminal does not get.
pub(crate) fn judged<T>(act: impl FnOnce() -> T) -> Result<T, String> {
    listen();
    take();
    IS_JUDGED.set(true);
    let result = catch_unwind(AssertUnwindSafe(act));
    IS_JUDGED.set(false);
    result.map_err(|_| take().unwrap_or_else(|| "unwound without a panic".to_string()))
}

/// Takes the message of the last panic.
pub(super) fn take() -> Option<String> {
    NOTE.take()
}

fn describe(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a payload that is no text");
    match info.location() {
        Some(place) => format!("{text} at {}:{}", place.file(), place.line()),
        None => text.to_string(),
    }
}
