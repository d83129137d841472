//! A run as a film: every step, what it changed on both sides of the disk, and nothing of what was
//! written there.
//!
//! It is plain data for those who show it: a page with a slider, a trace viewer. A step tells what
//! happened and how the state became the next; whoever applies all changes up to a step has the state
//! after it. Contents are numbers (see [`events::state`](crate::events::state)), so a recording of
//! secrets has none.
//!
//! A run that is too long loses its beginning: a failure is at the end. It then begins with the state
//! after what was left out, and says how many steps that is.

use serde::{Deserialize, Serialize};

use crate::case::{Case, Seen};
use crate::disk::{CallKind, Fate};
use crate::events::state::{Change, State};
use crate::events::{Event, Made, Saying};
use crate::run::Wants;
use crate::world::Repair;

mod chrome;
mod sites;

pub use chrome::chrome_trace;
use sites::Sites;

/// The format of a recording.
pub const FORMAT: u32 = 1;
/// A recording's steps take no more bytes of JSON than this.
pub const BYTES_MAX: usize = 280_000;

/// What happened in a run, step by step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// [`FORMAT`].
    pub format: u32,
    /// What a power cut never tears, in bytes.
    pub sector: u64,
    /// The hash of the trace, in hexadecimal digits.
    pub trace: String,
    /// How each life is to end, and with how many clients.
    pub lives: Vec<LifeAbout>,
    /// The places of the program that calls were made at.
    pub sites: Vec<String>,
    /// How many steps were left out at the beginning, as there are too many.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: usize,
    /// What was so before the first step that is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
    /// The steps.
    pub steps: Vec<Step>,
}

/// What is to be known of a life beforehand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifeAbout {
    /// How it is to end.
    pub end: String,
    /// How many clients work in it.
    pub clients: usize,
}

/// What was so before the first step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Base {
    /// The life.
    pub life: u64,
    /// All up to this LSN was promised to be durable.
    pub lsn: u64,
    /// How both sides of the disk came to be as they were.
    pub change: Change,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The task that did it. While clients work, its number is that of the client.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub task: Option<usize>,
    /// What.
    #[serde(flatten)]
    pub what: What,
    /// How that changed the disk.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "k", rename_all = "lowercase")]
pub enum What {
    /// A life begins.
    Life {
        /// Its number, from 1 on.
        n: u64,
    },
    /// A call to the disk.
    Call(Call),
    /// A task makes way for another.
    Switch {
        /// Which goes on.
        to: usize,
        /// Where the one stands that makes way.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        site: Option<usize>,
    },
    /// Somebody does or sees something.
    Says {
        /// What it is about.
        about: Saying,
        /// In words.
        text: String,
    },
    /// All up to this LSN is promised to be durable.
    Durable {
        /// The LSN.
        lsn: u64,
    },
    /// A life is over.
    Crash {
        /// How.
        by: String,
        /// What it took away, a phrase each.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        lost: Vec<String>,
    },
    /// Something is made durable that nobody has synced, to see what would have been.
    Repair,
    /// What is wrong is seen.
    Violation {
        /// Which property does not hold.
        property: String,
        /// In words.
        story: String,
    },
}

/// A call to the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Its number in its life.
    pub n: u64,
    /// What it does.
    pub call: CallKind,
    /// The number of its file or directory.
    #[serde(rename = "f")]
    pub ino: u32,
    /// The name by which it was called, or under which the file was opened.
    pub name: String,
    /// Where it begins, in bytes.
    #[serde(rename = "o", default, skip_serializing_if = "is_zero_u64")]
    pub offset: u64,
    /// How many bytes it is about.
    #[serde(rename = "l", default, skip_serializing_if = "is_zero_u64")]
    pub len: u64,
    /// What it returned: for reads and writes, how many bytes.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub returned: Option<u64>,
    /// The error it returned.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Where in the program it was made, by its place in `sites`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<usize>,
    /// `before`, `within` or `after` where the life ends at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<String>,
    /// It changes the disk, or what of it is durable.
    #[serde(rename = "w", default, skip_serializing_if = "std::ops::Not::not")]
    pub changes: bool,
}

/// Runs a case and records it.
pub fn record<C: Case>(case: &C) -> Recording {
    record_repaired(case, None)
}

/// The same, with something made durable that the program does not sync.
pub fn record_repaired<C: Case>(case: &C, repair: Option<Repair>) -> Recording {
    let mut recording = record_whole(case, repair);
    recording.cut_to(BYTES_MAX);
    recording
}

/// The same, however long it is.
pub fn record_whole<C: Case>(case: &C, repair: Option<Repair>) -> Recording {
    let wants = Wants {
        events: true,
        changes: true,
        repair,
        ..Wants::default()
    };
    let seen = case.watch(wants);
    Recording::of(case, seen)
}

impl Recording {
    fn of<C: Case>(case: &C, seen: Seen) -> Recording {
        let lives = case.lives(&seen);
        let mut sites = Sites::default();
        let mut steps: Vec<Step> = Vec::new();
        for (task, event) in seen.events {
            let what = match event {
                Event::Changed(change) => {
                    let last = steps.last_mut().expect("a life has begun");
                    last.change = Some(change);
                    continue;
                }
                Event::Life(n) => What::Life { n },
                Event::Call(made) => What::Call(call_of(made, &mut sites)),
                Event::Switch { to, site } => What::Switch {
                    to,
                    site: site.map(|site| sites.number_of(&site)),
                },
                Event::Line(about, text) => What::Says { about, text },
                Event::Promised(lsn) => What::Durable { lsn },
                Event::Lost { by, lost } => What::Crash {
                    by: by.to_owned(),
                    lost,
                },
                Event::Repaired => What::Repair,
            };
            steps.push(Step {
                task,
                what,
                change: None,
            });
        }
        if let Some(violation) = seen.violation {
            steps.push(Step {
                task: None,
                what: What::Violation {
                    property: violation.property.to_string(),
                    story: violation.story,
                },
                change: None,
            });
        }
        Recording {
            format: FORMAT,
            sector: case.unit_bytes(),
            trace: format!("{:016x}", seen.trace),
            lives,
            sites: sites.into_texts(),
            left_out: 0,
            base: None,
            steps,
        }
    }

    /// Leaves the first steps out until the others take no more than so many bytes.
    fn cut_to(&mut self, bytes_max: usize) {
        let sizes = self.steps.iter().map(|step| {
            let text = serde_json::to_string(step);
            text.expect("plain data").len() + 1
        });
        let sizes: Vec<usize> = sizes.collect();
        let mut bytes: usize = sizes.iter().sum();
        let mut first = 0;
        while bytes > bytes_max && first < sizes.len() {
            bytes -= sizes[first];
            first += 1;
        }
        if first == 0 {
            return;
        }
        let mut state = State::default();
        let mut base = Base::default();
        for step in self.steps.drain(..first) {
            match step.what {
                What::Life { n } => base.life = n,
                What::Durable { lsn } => base.lsn = base.lsn.max(lsn),
                _ => {}
            }
            step.change.iter().for_each(|change| state.apply(change));
        }
        base.change = State::default().change_to(&state);
        self.left_out = first;
        self.base = Some(base);
    }
}

fn call_of(made: Made, sites: &mut Sites) -> Call {
    let (returned, error) = match made.result {
        Some(Ok(returned)) => (Some(returned), None),
        Some(Err(errno)) => (None, Some(errno.to_string())),
        None => (None, None),
    };
    let cut = match made.fate {
        Fate::Run => None,
        Fate::CutBefore => Some("before"),
        Fate::CutWithin => Some("within"),
        Fate::CutAfter => Some("after"),
    };
    Call {
        n: made.number,
        call: made.call.kind,
        ino: made.call.ino.0,
        name: made.name,
        offset: made.call.offset,
        len: made.call.len,
        returned,
        error,
        site: made.site.map(|site| sites.number_of(&site)),
        cut: cut.map(str::to_owned),
        changes: made.change.is_some(),
    }
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

fn is_zero_u64(number: &u64) -> bool {
    *number == 0
}
