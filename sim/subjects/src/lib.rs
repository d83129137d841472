//! Other people's storage, unmodified, under seawall's storm.
//!
//! A subject runs in a process of its own, as many threads of which run at once as the simulator lets:
//! one. Its system calls are made to the simulator, in the process above, which is its kernel: each
//! call arrives there at the scheduler, and is answered by the simulated disk.
//!
//! | room | what is there | in which process |
//! | --- | --- | --- |
//! | [`subject`], [`subjects`] | what a subject is; all of them, an adapter each | the subject's |
//! | `interpose` | libc's calls of unmodified code | the subject's |
//! | [`sys`], `process` | calls to the kernel; the clients that do what they are told | the subject's |
//! | `wire`, [`zygote`] | shared memory between the two; where processes come from | both |
//! | [`kernel`] | threads, descriptors, locks: each call as a task of the scheduler | the simulator's |
//! | [`storm`], `model` | what clients do; what they may expect | the simulator's |

use std::process::ExitCode;

use seawall_sim::disk::Knobs;
use seawall_sim::storm::{Named, Storms};

pub mod command;
mod futex;
mod interpose;
pub mod kernel;
mod model;
mod process;
mod stack;
pub mod storm;
pub mod subject;
pub mod subjects;
pub mod sys;
mod wire;
pub mod zygote;

use kernel::Machine;
use subject::Subject;

/// The program over these subjects: reads the arguments, runs, tells. `command` is what its arguments stand
/// behind.
///
/// # Panics
/// When it is called twice.
pub fn main(command: &str, subjects: &'static [Subject]) -> ExitCode {
    zygote::without_randomized_addresses();
    Machine::make_all(subjects);
    let named = subjects.iter().enumerate().map(|(number, subject)| {
        let storm = move |worker: usize| {
            let machine = Machine::of_worker(worker).expect("there are enough");
            storm::storm(machine, number, Knobs::default())
        };
        Named::new(subject.name, subject.version, storm).about(subject.promises.lines())
    });
    let prepare = |workers: usize| {
        if Machine::of_worker(workers - 1).is_none() {
            eprintln!("error: {workers} jobs are too many for this machine");
            std::process::exit(2);
        }
    };
    Storms::new(named)
        .called(command)
        .prepared_by(&prepare)
        .main()
}
