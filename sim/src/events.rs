//! What a run did, event by event, for who explains it.
//!
//! Kept only when asked for. Like the trace, it belongs to the thread.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::disk::{Call, Disk, Errno, Fate};
use crate::named::named_enum;
use crate::sched::Scheduler;
use crate::site::{LOG, Program, Site};
use crate::trace;

mod observer;
pub mod state;

use observer::Observer;
use state::Change;

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

named_enum! {
    /// What a line in words is about.
    pub enum Saying {
        /// Somebody begins an operation.
        Begins = "begins",
        /// An append has its LSN.
        Accepted = "accepted",
        /// Somebody is told that something is durable.
        Acked = "acked",
        /// A call failed.
        Failed = "failed",
        /// A recovery shows what it found.
        Recovered = "recovered",
        /// The simulator tries something on a copy of the disk, or has put an older disk back.
        Tried = "tried",
    }
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
    /// A life was over: how it ended, and what that took away, a phrase each.
    Lost {
        /// `killed`, or the way in which the power cut chose what stays.
        by: &'static str,
        /// A phrase each.
        lost: Vec<String>,
    },
    /// What nobody had synced was made durable: somebody wants to know what would have been.
    Repaired,
    /// How what came before this has changed the disk.
    Changed(Change),
    /// Somebody was told or shown that all up to this LSN is durable.
    Promised(u64),
    /// What somebody did or saw, in words.
    Line(Saying, String),
}

/// What happened, and which task did it; none where no task ran.
pub type Happened = (Option<usize>, Event);

thread_local! {
    static EVENTS: RefCell<Option<Vec<Happened>>> = const { RefCell::new(None) };
    static OBSERVER: RefCell<Option<Observer>> = const { RefCell::new(None) };
    /// Whose calls are told with their place.
    static PROGRAM: Cell<Program> = const { Cell::new(LOG) };
    /// Whether places are wanted, whatever is kept.
    static WITH_SITES: Cell<bool> = const { Cell::new(false) };
    /// The stacks that were handed over, by their tasks.
    static STACKS: RefCell<Vec<Option<Stack>>> = const { RefCell::new(Vec::new()) };
}

/// Addresses that calls return to, innermost first.
pub(crate) type Stack = Rc<[usize]>;

/// Begins to keep what happens on this thread, or ceases to; also how it changes the disk, if that is
/// wanted.
pub(crate) fn start(is_wanted: bool, with_changes: bool) {
    start_of(LOG, is_wanted, with_changes, false);
}

/// The same, for calls of another program. With sites, the places of its calls are wanted in any case.
pub(crate) fn start_of(program: Program, is_wanted: bool, with_changes: bool, with_sites: bool) {
    PROGRAM.set(program);
    WITH_SITES.set(with_sites);
    STACKS.with_borrow_mut(Vec::clear);
    EVENTS.replace(is_wanted.then(Vec::new));
    OBSERVER.replace((is_wanted && with_changes).then(Observer::default));
}

/// Whose calls are told with their place.
pub(crate) fn program() -> Program {
    PROGRAM.get()
}

/// Whether anybody wants to know.
pub fn are_kept() -> bool {
    EVENTS.with_borrow(Option::is_some)
}

/// Keeps an event, if anybody wants to know.
pub(crate) fn keep(event: impl FnOnce() -> Event) {
    if are_kept() {
        let task = Scheduler::of_this_thread().current_task();
        let event = (task, event());
        EVENTS.with_borrow_mut(|events| events.as_mut().expect("just seen").push(event));
    }
}

/// Looks at how the disk has changed, if anybody wants to know.
pub(crate) fn observe(disk: &Disk) {
    observe_with(disk, Observer::look);
}

/// The same right after a crash.
pub(crate) fn observe_crash(disk: &Disk) {
    observe_with(disk, Observer::look_after_crash);
}

fn observe_with(disk: &Disk, look: fn(&mut Observer, &Disk) -> Change) {
    let changed = OBSERVER.with_borrow_mut(|observer| Some(look(observer.as_mut()?, disk)));
    if let Some(change) = changed.filter(|change| !change.is_empty()) {
        keep(|| Event::Changed(change));
    }
}

/// Tells what happened in words: to the trace, and to anybody who wants to know.
pub(crate) fn tell(about: Saying, text: impl Fn() -> String) {
    trace::line(&text);
    keep(|| Event::Line(about, text()));
}

/// Whether anybody wants to know where calls are made: whoever makes them for code that runs in another
/// process then says so with [`set_stack`].
pub fn are_sites_wanted() -> bool {
    WITH_SITES.get() || are_kept()
}

/// What a task does from here on, it does for code in another process, forked from this one. So the stack is
/// there: the addresses that its calls return to, innermost first. With `None` the stack is the task's own
/// again, as it is when a run begins.
pub fn set_stack(task: usize, stack: Option<Vec<usize>>) {
    STACKS.with_borrow_mut(|stacks| {
        if stacks.len() <= task {
            stacks.resize(task + 1, None);
        }
        stacks[task] = stack.map(Rc::from);
    });
}

/// The stack that was handed over for the task that runs.
pub(crate) fn stack() -> Option<Stack> {
    let task = Scheduler::of_this_thread().current_task()?;
    STACKS.with_borrow(|stacks| stacks.get(task).cloned().flatten())
}

/// Where in the program the calling task is, if anybody wants to know.
pub(crate) fn site() -> Option<Site> {
    are_kept()
        .then(|| Site::of_caller(&PROGRAM.get()))
        .flatten()
}

/// Hands out what was kept.
pub(crate) fn finish() -> Vec<Happened> {
    OBSERVER.take();
    EVENTS.take().unwrap_or_default()
}
