//! What a run did, event by event, for who explains it.
//!
//! Kept only when asked for. Like the trace, it belongs to the thread.

use std::cell::{Cell, RefCell};

use crate::disk::{Call, Errno, Fate};
use crate::site::{LOG, Program, Site};
use crate::trace;

/// A call to the disk that was made.
#[derive(Clone, Debug)]
pub struct Made {
    /// Its number in its life, from 1 on.
    pub number: u64,
    /// Its number among those that change the disk or sync it, if it is one.
    pub change: Option<u64>,
    /// What was called.
    pub call: Call,
    /// The file's name, or the path.
    pub name: String,
    /// Where in the log.
    pub site: Option<Site>,
    /// What became of it; `None` where it was not done.
    pub result: Option<Result<u64, Errno>>,
    /// Whether the life ended there.
    pub fate: Fate,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A life began, with this number.
    Life(u64),
    /// A call to the disk.
    Call(Made),
    /// A task that could have gone on made way for another, at this place of the log.
    Switch {
        /// Who went on.
        to: usize,
        /// Where the other one stands.
        site: Option<Site>,
    },
    /// What a power cut took away, a phrase each.
    Lost(Vec<String>),
    /// Somebody was told or shown that all up to this LSN is durable.
    Promised(u64),
    /// What somebody did or saw, in words.
    Line(String),
}

thread_local! {
    static EVENTS: RefCell<Option<Vec<Event>>> = const { RefCell::new(None) };
    /// Whose calls are told with their place.
    static PROGRAM: Cell<Program> = const { Cell::new(LOG) };
}

/// Begins to keep what happens on this thread, or ceases to.
pub(crate) fn start(is_wanted: bool) {
    start_of(LOG, is_wanted);
}

/// The same, for calls of another program.
pub(crate) fn start_of(program: Program, is_wanted: bool) {
    PROGRAM.set(program);
    EVENTS.replace(is_wanted.then(Vec::new));
}

/// Whose calls are told with their place.
pub(crate) fn program() -> Program {
    PROGRAM.get()
}

/// Whether anybody wants to know.
pub(crate) fn are_kept() -> bool {
    EVENTS.with_borrow(Option::is_some)
}

/// Keeps an event, if anybody wants to know.
pub(crate) fn keep(event: impl FnOnce() -> Event) {
    if are_kept() {
        let event = event();
        EVENTS.with_borrow_mut(|events| events.as_mut().expect("just seen").push(event));
    }
}

/// Tells what happened in words: to the trace, and to anybody who wants to know.
pub(crate) fn tell(text: impl Fn() -> String) {
    trace::line(&text);
    keep(|| Event::Line(text()));
}

/// Where in the program the calling task is, if anybody wants to know.
pub(crate) fn site() -> Option<Site> {
    are_kept()
        .then(|| Site::of_caller(&PROGRAM.get()))
        .flatten()
}

/// Hands out what was kept.
pub(crate) fn finish() -> Vec<Event> {
    EVENTS.take().unwrap_or_default()
}
