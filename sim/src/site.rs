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
//!
//! Code that runs in another process has its stack there: whoever makes its calls hands the addresses over, with
//! [`events::set_stack`](crate::events::set_stack).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::text::serde_as_text;

mod stack;

/// What stands between a place and its caller.
const CALLED_FROM: &str = " < ";
/// The name of a closure.
pub(crate) const CLOSURE: &str = "closure";

/// A place in a program.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Frame {
    /// The source file: below the program's source directory, or, of somebody else's, from there on.
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
/// of them a file or the beginning of a path. Of code from elsewhere it is what a path has from some
/// directory on, such as `okaywal-0.3.1/src/`.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// All of it. Several parts have a space between them.
    pub source: &'static str,
    /// The part that only passes calls on to the disk, and is never told.
    pub seam: Option<&'static str>,
    /// The file that all such calls pass through on their way, which says nothing of where they come from.
    pub passage: Option<&'static str>,
    /// The part that works for its callers: one of those is told as well.
    pub helpers: Option<&'static str>,
    /// The part of the helpers that knows what it works for.
    pub knows: Option<&'static str>,
    /// More places than this are not told of a call.
    pub frames_max: usize,
}

/// The log. Whoever calls for a sync above its floor `segment` has a purpose of his own; within it, the
/// writer's verbs tell theirs.
pub const LOG: Program = Program {
    source: "src/",
    seam: Some("src/env"),
    passage: Some("src/segment/gate.rs"),
    helpers: Some("src/segment/"),
    knows: Some("src/segment/writer.rs"),
    frames_max: usize::MAX,
};

impl Site {
    /// Where in `program` the call is made that runs just now; `None` if the program does not.
    pub fn of_caller(program: &Program) -> Option<Site> {
        let mut frames = stack::of(program).into_iter().peekable();
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
        told.truncate(program.frames_max);
        for frame in &mut told {
            let below = match frame.file.strip_prefix('/') {
                Some(file) => Some(file),
                None => frame.file.strip_prefix(program.source),
            };
            if let Some(file) = below.filter(|file| !file.is_empty()) {
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

fn is_in(part: Option<&str>, file: &str) -> bool {
    part.is_some_and(|part| stack::within(part, file).is_some())
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
        frames_max: 1,
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
}
