//! Panics of tasks: kept quiet, and remembered with their place.
//!
//! A panic of a task is a finding of the run, not of the process, so it goes into the outcome and
//! not to the terminal. All other panics go to the hook that was there before, and so does a
//! second panic of a task: it usually comes out of a destructor and is about to abort the process.

use std::cell::RefCell;
use std::panic::PanicHookInfo;
use std::sync::Once;

use super::Scheduler;

thread_local! {
    /// The panic of the running task that nobody has reported yet.
    static NOTE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Sets the process's panic hook, once.
pub(super) fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let second = NOTE.with_borrow(Option::is_some);
            if Scheduler::runs_a_task_here() {
                NOTE.set(Some(describe(info)));
                if !second {
                    return;
                }
            }
            before(info);
        }));
    });
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
