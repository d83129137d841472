//! A deterministic simulator of crashes: it proves the seawall log, and takes other storage code, too.
//!
//! Every run follows from a seed. The code under test runs unchanged, as tasks of one thread, on a disk
//! that keeps its word and no more: what no sync has covered may be gone after a power cut, or half of
//! it, or come in another order. What fails is made small, and told in sentences that were tried.
//!
//! # For code of your own
//!
//! [`storm`] is the way in: a closure that opens, works and judges. `sim/examples/your_own.rs` is all
//! of it in under 60 lines. The code reaches its files through [`seawall::env::vfs`] and its locks
//! through [`seawall::env::sync`], and needs nothing else of the log.
//!
//! ```
//! use seawall_sim::disk::{Disk, Knobs, Strategy};
//! use seawall_sim::choice::{Choices, Purpose};
//! use seawall::env::vfs::OpenHow;
//! use std::path::Path;
//!
//! // A file that was synced, under a name that was not.
//! let mut disk = Disk::new(Knobs::default());
//! let fd = disk.open(Path::new("/file"), OpenHow::CreateNew { direct: false }).expect("no faults");
//! disk.write(fd, 0, b"durable?").expect("no faults");
//! disk.sync(fd, true).expect("no faults");
//! let mut lost = disk.clone();
//! let mut crash = Choices::new(1).stream(Purpose::Crash, 0);
//! lost.power_cut_with(Strategy::LoseAll, &mut crash);
//! assert!(disk.contains(&lost.image()), "that is legal");
//! assert!(lost.image().file("/file").is_none());
//! // With its directory synced it stays.
//! disk.sync_dir(Path::new("/")).expect("no faults");
//! assert!(!disk.contains(&lost.image()), "that would be no disk");
//! ```
//!
//! # For the log
//!
//! A seed makes a [`scenario::Scenario`], which is text; [`run`](mod@run) runs it,
//! [`shrink`](mod@shrink) makes it small, [`explain`](mod@explain) says why it fails:
//!
//! ```
//! use seawall_sim::disk::Lie;
//! use seawall_sim::explain::explain;
//! use seawall_sim::run::run;
//! use seawall_sim::scenario::generate::{Setting, generate};
//! use seawall_sim::seed::Seed;
//! use seawall_sim::shrink::shrink;
//!
//! let mut scenario = generate(Seed(7), Setting::default());
//! assert_eq!(run(&scenario, false).violation, None);
//! // On a disk whose syncs of files do nothing, some seed has to fail.
//! scenario = (1..)
//!     .map(|seed| {
//!         let mut scenario = generate(Seed(seed), Setting::default());
//!         scenario.media = None;
//!         scenario.disk.lie = Some(Lie::FileSync);
//!         scenario
//!     })
//!     .find(|scenario| run(scenario, false).violation.is_some())
//!     .expect("one does");
//! let small = shrink(&scenario, 2000, &mut |_| {}).expect("it fails");
//! assert!(small.after.operations <= small.before.operations);
//! let why = explain(&small.scenario).expect("it fails").sentences;
//! assert!(why.iter().any(|why| why == "It passes without the lie of the disk."), "{why:?}");
//! ```
//!
//! # The rooms
//!
//! | room | what is there | knows the log |
//! | --- | --- | --- |
//! | [`disk`] | a file system that may lose what no sync covered, and the judge of what it may | no |
//! | [`sched`] | tasks on one thread, and who runs next | no |
//! | [`choice`], [`seed`] | the one source of choices: seeds, named streams, tapes | no |
//! | [`trace`], [`events`], [`site`] | what happened: a hash, events, places in the source | no |
//! | [`storm`] | lives and clients of any storage code, with a judge of its own | no |
//! | [`case`], [`shrink`](mod@shrink), [`explain`](mod@explain) | from a failure to its story | only scenarios do |
//! | [`scenario`], [`run`](mod@run), [`workload`], [`world`] | a run of the log as data, and what performs it | yes |
//! | [`model`], [`checker`], [`ledger`] | the contract, each property a file; what was ever sealed | yes |
//! | [`campaign`], [`guided`], [`fuzzing`], [`exhaust`], [`explore`], [`sweep`] | many runs: by chance, by what is new, by a fuzzer, all schedules, all crashes, all damage | yes |
//! | [`mutants`], [`canaries`], [`syncs`], [`coverage`] | whether the simulator would notice | yes |
//! | [`import`] | a user's damaged directory: did a crash do this? | yes |
//! | [`recording`], [`capsule`], [`page`], [`report`] | a run as a film, a failure in a file, what people look at | yes |
//! | [`nightly`], [`shard`], [`results`], [`budget`] | hours, machines, and what adds up over them | yes |

pub mod budget;
pub mod campaign;
pub mod canaries;
pub mod capsule;
pub mod case;
pub mod checker;
pub mod choice;
pub mod classes;
pub mod coverage;
pub mod decoy;
pub mod disk;
pub mod events;
pub mod exhaust;
pub mod explain;
pub mod explore;
pub mod features;
pub mod figures;
pub mod fuzzing;
pub mod guided;
pub mod import;
pub mod keyholder;
pub mod ledger;
mod legacy;
pub mod model;
pub mod mutants;
pub mod mutate;
mod named;
pub mod nightly;
pub mod page;
pub mod recording;
pub mod report;
pub mod results;
pub mod run;
pub mod scenario;
pub mod sched;
pub mod seed;
pub mod shard;
pub mod shrink;
pub mod site;
pub mod storm;
pub mod sweep;
pub mod syncs;
mod text;
pub mod trace;
pub mod workload;
pub mod world;
