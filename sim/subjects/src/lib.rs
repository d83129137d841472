//! Other people's storage, unmodified, under seawall's storm.
//!
//! A subject runs in a process of its own, as many threads of which run at once as the simulator lets:
//! one. Its system calls are made to the simulator, in the process above, which is its kernel: each
//! call arrives there at the scheduler, and is answered by the simulated disk.

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
