//! The stack of the call that runs just now, as far as it is of one program.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use super::{CLOSURE, Frame, Program, is_in};
use crate::events;

/// A function on the stack, as it is known of an address; several where some were inlined.
type Known = Rc<[Raw]>;

#[derive(Clone, Debug)]
struct Raw {
    /// From the workspace's root, or from that of the file system for code of somebody else.
    file: Option<Arc<str>>,
    line: u32,
    function: Arc<str>,
}

thread_local! {
    /// What is known of an address: to look it up takes longer than all the rest.
    static KNOWN: RefCell<BTreeMap<usize, Known>> = const { RefCell::new(BTreeMap::new()) };
}

/// The program's frames, innermost first, with files from the workspace's root; of somebody else's, which
/// begin with a slash, from the part on that they are known by.
///
/// A frozen task's stack is never looked at: this is about the one that runs, and it is done before
/// that steps aside.
pub(super) fn of(program: &Program) -> Vec<Frame> {
    let mut own: Vec<Frame> = Vec::new();
    match events::stack() {
        Some(addresses) => {
            let mut addresses = addresses.iter();
            addresses.all(|&address| add(program, address, &mut own));
        }
        None => backtrace::trace(|frame| add(program, frame.ip().addr(), &mut own)),
    }
    own
}

/// Adds what is of the program at an address; says whether more may follow.
fn add(program: &Program, address: usize, own: &mut Vec<Frame>) -> bool {
    for raw in lookup(address).iter() {
        let Some(file) = &raw.file else {
            continue;
        };
        match within(program.source, file) {
            Some(_) if is_in(program.seam, file) => {}
            // All calls go through it; the closure that it was given is in the function that gave it.
            Some(_) if program.passage == Some(&**file) => {
                own.pop_if(|inner| &*inner.function == CLOSURE);
            }
            Some(file) => own.push(Frame {
                file: file.into(),
                line: raw.line,
                function: Arc::clone(&raw.function),
            }),
            // Whoever runs the program.
            None if !own.is_empty() && !file.starts_with('/') => return false,
            None => {}
        }
    }
    true
}

/// What is left of a file where it is in one of these parts, which have spaces between them: all of a path
/// from the workspace's root, which begins with the part, and of another path what it has from the part on,
/// with the slash before it, where that names a crate: the standard library has a `src/`, too.
pub(super) fn within<'a>(parts: &str, file: &'a str) -> Option<&'a str> {
    parts
        .split(' ')
        .find_map(|part| match file.starts_with('/') {
            true if !names_a_crate(part) => None,
            true => file.match_indices(part).find_map(|(at, _)| {
                let slash = at.checked_sub(1)?;
                (file.as_bytes()[slash] == b'/').then_some(&file[slash..])
            }),
            false => file.starts_with(part).then_some(file),
        })
}

/// Whether a path begins with the directory of a crate, as registries call it: `okaywal-0.3.1`.
fn names_a_crate(part: &str) -> bool {
    let directory = part.split('/').next().unwrap_or_default();
    let mut after = directory.split('-').skip(1);
    after.any(|word| word.starts_with(|first: char| first.is_ascii_digit()))
}

fn lookup(address: usize) -> Known {
    if let Some(known) = KNOWN.with_borrow(|known| known.get(&address).cloned()) {
        return known;
    }
    let mut found = Vec::new();
    backtrace::resolve(std::ptr::without_provenance_mut(address), |symbol| {
        let name = symbol.name().map(|name| format!("{name:#}"));
        found.push(Raw {
            file: symbol.filename().and_then(known_as),
            line: symbol.lineno().unwrap_or(0),
            function: name.as_deref().map_or("?", short).into(),
        });
    });
    let known: Known = found.into();
    KNOWN.with_borrow_mut(|all| all.insert(address, Rc::clone(&known)));
    known
}

/// A source file's path from the workspace's root, if it is there, with slashes.
fn known_as(file: &Path) -> Option<Arc<str>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    let file = file.strip_prefix(root).unwrap_or(file);
    file.to_str().map(Arc::from)
}

/// A function's name without path, type parameters and the numbers of closures. The line tables have
/// `sync<T>` and `{closure#0}`, other tables `<a::Writer>::sync::<T>` and `a::sync::{closure#0}`.
fn short(name: &str) -> &str {
    // The parts of the path outside of all brackets; one that was nothing but brackets is no name.
    let mut depth = 0;
    let mut start = 0;
    let mut last = "";
    let mut before = ' ';
    for (index, one) in name.char_indices().chain([(name.len(), ':')]) {
        match one {
            '<' | ':' if depth == 0 => {
                let part = name.get(start..index).unwrap_or("");
                last = if part.is_empty() { last } else { part };
                start = index + 1;
                depth += i32::from(one == '<');
            }
            '<' => depth += 1,
            '>' if before != '-' => {
                depth -= 1;
                start = index + 1;
            }
            _ => {}
        }
        before = one;
    }
    match last.starts_with('{') {
        true => CLOSURE,
        false => last,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use serde::{Serialize, Serializer};

    use super::*;
    use crate::choice::{Choices, Purpose};
    use crate::sched::Scheduler;
    use crate::sched::outcome::Outcome;
    use crate::sched::plan::Plan;
    use crate::sched::policy::PolicyKind;
    use crate::site::Site;

    const THIS: Program = Program {
        source: "sim/src/site/stack.rs",
        seam: None,
        passage: None,
        helpers: None,
        knows: None,
        frames_max: 1,
    };

    #[test]
    fn names_are_the_same_in_all_tables() {
        for (name, expect) in [
            ("sync", "sync"),
            (
                "each_unproven<seawall::recovery::{closure#0}>",
                "each_unproven",
            ),
            ("seawall::segment::place::set_mark", "set_mark"),
            ("<seawall::segment::active::Draft>::publish", "publish"),
            (
                "<seawall::commit::Committer>::lead::<(), <a::B as c::D>::e::{closure#0}>",
                "lead",
            ),
            ("seawall::truncation::truncate_before::{closure#0}", CLOSURE),
            ("{closure#0}", CLOSURE),
            (
                "call_once<fn() -> core::result::Result<(), ()>, ()>",
                "call_once",
            ),
        ] {
            assert_eq!(short(name), expect, "{name}");
        }
    }

    fn addresses() -> Vec<usize> {
        let mut all = Vec::new();
        backtrace::trace(|frame| {
            all.push(frame.ip().addr());
            all.len() < 48
        });
        all
    }

    #[inline(never)]
    fn here() -> (Vec<usize>, u32) {
        let line = line!() + 1;
        let taken = addresses();
        (std::hint::black_box(taken), line)
    }

    #[inline(never)]
    fn there() -> (Vec<usize>, u32) {
        let line = line!() + 1;
        let taken = addresses();
        (std::hint::black_box(taken), line)
    }

    /// The place that made the call, and its line: what takes the stack is left out.
    fn place() -> (String, u32) {
        let all = of(&THIS);
        let frame = all.iter().find(|frame| &*frame.function != "addresses");
        let frame = frame.expect("this file is on the stack");
        (frame.function.to_string(), frame.line)
    }

    fn scheduler() -> (&'static Scheduler, Plan) {
        let stream = Choices::new(1).stream(Purpose::Schedule, 0);
        let plan = Plan::new(PolicyKind::Random, stream);
        (Scheduler::of_this_thread(), plan)
    }

    #[test]
    fn a_stack_that_was_handed_over_is_told_in_place_of_the_own_one() {
        let (scheduler, plan) = scheduler();
        let outcome = scheduler.run(1, plan, &|task| {
            let (stack, line) = here();
            events::set_stack(task, Some(stack));
            assert_eq!(place(), ("here".to_owned(), line));
            events::set_stack(task, None);
            assert_ne!(place().0, "here");
        });
        assert_eq!(outcome, Outcome::Finished);
    }

    #[test]
    fn each_task_has_a_stack_of_its_own() {
        let told = [const { Cell::new(0) }; 2];
        let (scheduler, plan) = scheduler();
        let outcome = scheduler.run(2, plan, &|task| {
            let (stack, line) = if task == 0 { here() } else { there() };
            for _ in 0..10 {
                events::set_stack(task, Some(stack.clone()));
                scheduler.io_point();
                assert_eq!(place().1, line);
                told[task].set(told[task].get() + 1);
            }
            events::set_stack(task, None);
        });
        assert_eq!(outcome, Outcome::Finished);
        assert_eq!(told.map(Cell::into_inner), [10, 10]);
    }

    /// Asks, when somebody else's code calls it, where in that code this is.
    struct Asks(Cell<Option<Site>>);

    impl Serialize for Asks {
        fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            let program = Program {
                source: "nobody-1.0/src/ serde_json-1.",
                ..THIS
            };
            self.0.set(Site::of_caller(&program));
            to.serialize_unit()
        }
    }

    #[test]
    fn somebody_elses_code_is_told_from_its_crate_on() {
        let asks = Asks(Cell::new(None));
        serde_json::to_string(&asks).expect("nothing is in it");
        let site = asks.0.take().expect("it was called from there");
        let file = &*site.frames()[0].file;
        let is_told = file.starts_with("serde_json-1.") && file.ends_with("/src/ser.rs");
        assert!(is_told, "{site}");
        let check = |parts, file, expect| assert_eq!(within(parts, file), expect, "{file}");
        let wal = "/of/crates/okaywal-0.3.1/src/log.rs";
        check("okaywal-0.3.1/src/", wal, Some("/okaywal-0.3.1/src/log.rs"));
        check(
            "a/src/ okaywal-0.3.1/src/",
            wal,
            Some("/okaywal-0.3.1/src/log.rs"),
        );
        check("wal-0.3.1/src/", wal, None);
        check("src/", "src/commit.rs", Some("src/commit.rs"));
        check("src/", "/rustc/library/core/src/cell.rs", None);
        check("src/", "sim/src/site.rs", None);
    }
}
