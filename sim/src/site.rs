//! Where in the log a call to the disk was made: told by a backtrace, taken when the call begins.
//!
//! The seam of the log is trait objects, so no caller hands its place over. A [`Site`] is the place in
//! the log's own code that makes the call, and as many of its callers as tell what the call is for:
//! many callers share a helper such as the one that syncs the log's directory.
//!
//! Names of functions come from the line tables, which tell no paths; the file tells the module, and a
//! closure has no name. Lines move with each change of the log: a site, like a seed, is good for one
//! commit. Optimised code leaves a function that ends with a call before it makes that call, so that it
//! is not on the stack any more: the sites of a debug build may tell more callers.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::rc::Rc;
use std::str::FromStr;
use std::sync::Arc;

use crate::text::serde_as_text;

/// What stands between a place and its caller.
const CALLED_FROM: &str = " < ";
/// The name of a closure.
pub(crate) const CLOSURE: &str = "closure";

/// A place in a program.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Frame {
    /// The source file, below the program's source directory.
    pub file: Arc<str>,
    /// The line.
    pub line: u32,
    /// The function's name, without its path.
    pub function: Arc<str>,
}

/// Where a call was made, innermost first. Sites are in the order of files and lines.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Site {
    frames: Vec<Frame>,
}

/// The program whose calls are told apart, by its source files: paths from the workspace's root, each
/// of them a file or the beginning of a path.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// All of it.
    pub source: &'static str,
    /// The part that only passes calls on to the disk, and is never told.
    pub seam: Option<&'static str>,
    /// The file that all such calls pass through on their way, which says nothing of where they come from.
    pub passage: Option<&'static str>,
    /// The part that works for its callers: one of those is told as well.
    pub helpers: Option<&'static str>,
    /// The part of the helpers that knows what it works for.
    pub knows: Option<&'static str>,
}

/// The log. Whoever calls for a sync above its floor `segment` has a purpose of his own; within it, the
/// writer's verbs tell theirs.
pub const LOG: Program = Program {
    source: "src/",
    seam: Some("src/env"),
    passage: Some("src/segment/gate.rs"),
    helpers: Some("src/segment/"),
    knows: Some("src/segment/writer.rs"),
};

impl Site {
    /// Where in `program` the call is made that runs just now; `None` if the program does not.
    pub fn of_caller(program: &Program) -> Option<Site> {
        let mut frames = stack(program).into_iter().peekable();
        let mut told: Vec<Frame> = Vec::new();
        while let Some(frame) = frames.next() {
            let is_helper = is_in(program.helpers, &frame.file);
            let knows = is_in(program.knows, &frame.file);
            told.push(frame);
            let is_left = |next: &Frame| !is_in(program.helpers, &next.file);
            if !is_helper || knows && frames.peek().is_some_and(is_left) {
                break;
            }
        }
        for frame in &mut told {
            let file = frame.file.strip_prefix(program.source);
            if let Some(file) = file.filter(|file| !file.is_empty()) {
                frame.file = file.into();
            }
        }
        (!told.is_empty()).then_some(Site { frames: told })
    }

    /// The place that makes the call, and its callers as far as they are told.
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// The functions alone, innermost first: what stays the same when lines move.
    pub fn functions(&self) -> String {
        let functions: Vec<String> = self.frames.iter().map(Frame::path).collect();
        functions.join(CALLED_FROM)
    }
}

impl Frame {
    /// The function with its module: `segment::place::set_mark`.
    pub fn path(&self) -> String {
        let module = self.file.trim_end_matches(".rs").replace('/', "::");
        format!("{module}::{}", self.function)
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} {}", self.file, self.line, self.function)
    }
}

/// The file is told where it is another than that of the place before.
impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before: Option<&Frame> = None;
        for frame in &self.frames {
            match before {
                None => write!(f, "{frame}")?,
                Some(before) if before.file == frame.file => {
                    write!(f, "{CALLED_FROM}:{} {}", frame.line, frame.function)?;
                }
                Some(_) => write!(f, "{CALLED_FROM}{frame}")?,
            }
            before = Some(frame);
        }
        Ok(())
    }
}

impl FromStr for Site {
    type Err = String;

    fn from_str(text: &str) -> Result<Site, String> {
        let mut frames: Vec<Frame> = Vec::new();
        for place in text.split(CALLED_FROM) {
            let parsed = parse_frame(place, frames.last());
            let wrong = || format!("`{text}` is no site like `a.rs:17 sync < :4 end < b.rs:1 run`");
            frames.push(parsed.ok_or_else(wrong)?);
        }
        Ok(Site { frames })
    }
}

fn parse_frame(text: &str, before: Option<&Frame>) -> Option<Frame> {
    let (place, function) = text.split_once(' ')?;
    let (file, line) = place.rsplit_once(':')?;
    Some(Frame {
        file: match file.is_empty() {
            true => Arc::clone(&before?.file),
            false => file.into(),
        },
        line: line.parse().ok()?,
        function: function.into(),
    })
}

serde_as_text!(Site);

/// A function on the stack, as it is known of an address; several where some were inlined.
type Known = Rc<[Raw]>;

#[derive(Clone, Debug)]
struct Raw {
    /// From the workspace's root; `None` for code of somebody else.
    file: Option<Arc<str>>,
    line: u32,
    function: Arc<str>,
}

thread_local! {
    /// What is known of an address: to look it up takes longer than all the rest.
    static KNOWN: RefCell<BTreeMap<usize, Known>> = const { RefCell::new(BTreeMap::new()) };
}

/// The program's frames, innermost first, with files from the workspace's root.
///
/// A frozen task's stack is never looked at: this is about the one that runs, and it is done before
/// that steps aside.
fn stack(program: &Program) -> Vec<Frame> {
    let mut own: Vec<Frame> = Vec::new();
    backtrace::trace(|frame| {
        let known = lookup(frame);
        for raw in known.iter() {
            let Some(file) = &raw.file else {
                continue;
            };
            match file.starts_with(program.source) {
                true if is_in(program.seam, file) => {}
                // All calls go through it; the closure that it was given is in the function that gave it.
                true if program.passage == Some(&**file) => {
                    own.pop_if(|inner| &*inner.function == CLOSURE);
                }
                true => own.push(Frame {
                    file: Arc::clone(file),
                    line: raw.line,
                    function: Arc::clone(&raw.function),
                }),
                // Whoever runs the program.
                false if !own.is_empty() => return false,
                false => {}
            }
        }
        true
    });
    own
}

fn lookup(frame: &backtrace::Frame) -> Known {
    let address = frame.ip().addr();
    if let Some(known) = KNOWN.with_borrow(|known| known.get(&address).cloned()) {
        return known;
    }
    let mut found = Vec::new();
    backtrace::resolve_frame(frame, |symbol| {
        let name = symbol.name().map(|name| format!("{name:#}"));
        found.push(Raw {
            file: symbol.filename().and_then(in_workspace),
            line: symbol.lineno().unwrap_or(0),
            function: name.as_deref().map_or("?", short).into(),
        });
    });
    let known: Known = found.into();
    KNOWN.with_borrow_mut(|all| all.insert(address, Rc::clone(&known)));
    known
}

/// A source file's path from the workspace's root, with slashes.
fn in_workspace(file: &Path) -> Option<Arc<str>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    let file = match file.is_absolute() {
        true => file.strip_prefix(root).ok()?,
        false => file,
    };
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

fn is_in(part: Option<&str>, file: &str) -> bool {
    part.is_some_and(|part| file.starts_with(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    const THIS: Program = Program {
        source: "sim/src/site.rs",
        seam: None,
        passage: None,
        helpers: None,
        knows: None,
    };

    #[inline(never)]
    fn called() -> Site {
        Site::of_caller(&THIS).expect("this file is on the stack")
    }

    #[test]
    fn the_innermost_place_of_the_program_is_told() {
        let site = called();
        // The module's own functions are part of what is looked for here.
        assert_eq!(site.frames().len(), 1);
        assert_eq!(&*site.frames()[0].file, "sim/src/site.rs");
        assert!(site.frames()[0].line > 0);
    }

    #[test]
    fn a_site_survives_print_and_parse() {
        let text = "segment/active.rs:197 rename < :178 publish < recovery.rs:81 create";
        let site: Site = text.parse().expect("it is one");
        assert_eq!(site.to_string(), text);
        assert_eq!(
            site.functions(),
            "segment::active::rename < segment::active::publish < recovery::create"
        );
        for wrong in ["", ":1 sync", "a.rs sync", "a.rs:x sync", "a.rs:1 sync < b"] {
            assert!(wrong.parse::<Site>().is_err(), "{wrong}");
        }
    }

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
}
