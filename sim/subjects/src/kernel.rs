//! The kernel of a simulated process: serves its threads' calls, each as a task of the scheduler.
//!
//! A task is its thread: in its turn it lets the thread run up to its next call, and answers that. A
//! file call arrives at the disk's gate, where others may go first or the life may end; then the thread
//! never hears of it, and the process is killed.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use seawall_sim::disk::SimVfs;
use seawall_sim::events;
use seawall_sim::sched::Scheduler;
use seawall_sim::trace;

use crate::command::{Answer, Command};
use crate::subject::Subject;
use crate::wire::{Op, SLOTS, Wire};
use crate::zygote::{self, Ended, Zygote};

mod files;
mod locks;
mod names;
mod threads;

use files::Files;
use threads::Threads;

/// What a call returns, or its `errno`; and how many bytes of the buffer it has filled.
type Reply = Result<(u64, usize), i32>;

/// How long a process may compute in its life: each of its calls takes microseconds.
const COMPUTES_MAX: Duration = Duration::from_secs(20);
/// How long nothing may come from it, whatever else the machine does.
const PATIENCE: Duration = Duration::from_secs(300);
/// How often somebody looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// What each call takes, in ns.
const CALL_NS: u64 = 5_000;
/// How long it takes until the next process runs, in ns. Who names files by the time would meet those of the life
/// before else.
const BOOT_NS: u64 = 1_000_000_000;

/// All of them. They are not on the heap, for [`Machine::make_all`]'s sake.
static MACHINES: [OnceLock<Machine>; WORKERS_MAX] = [const { OnceLock::new() }; WORKERS_MAX];
/// How many workers there may be, on whatever machine.
const WORKERS_MAX: usize = 64;

/// A machine that subjects run on, one process after another.
pub struct Machine {
    wire: Wire,
    zygote: Zygote,
    subjects: &'static [Subject],
    /// Where it and its processes run.
    processor: usize,
}

/// A process that runs.
pub struct Process<'a> {
    machine: &'a Machine,
    /// How many had ended when it began.
    ended: u32,
    files: Files,
    threads: Rc<Threads>,
    /// Why it can't go on, if that is so.
    broken: RefCell<Option<Broken>>,
    panics: RefCell<Vec<String>>,
    aborts_on_panic: Cell<bool>,
    has_begun: Cell<bool>,
}

/// Why a process can't go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// It has ended without being told to.
    Ended(Ended),
    /// A thread computes, and makes no call.
    Spins(usize),
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Broken::Ended(ended) => write!(f, "the process is gone: {ended}"),
            Broken::Spins(thread) => {
                write!(f, "thread {thread} computes for ever, and makes no call")
            }
        }
    }
}

impl Machine {
    /// Makes one for each worker that there may be. To be called before the process does anything else: each
    /// begins in the state in which it is now, so that a run is the same whoever asks for it, and how.
    ///
    /// # Panics
    /// When it is called twice.
    pub fn make_all(subjects: &'static [Subject]) {
        let processors = zygote::processors();
        // Nothing in here may allocate: the next one would begin in another state.
        for (worker, machine) in MACHINES.iter().enumerate().take(2 * processors.len()) {
            let wire = Wire::map(worker);
            let processor = processors[worker % processors.len()];
            let made = Machine {
                wire,
                zygote: Zygote::fork_off(wire, subjects, processor),
                subjects,
                processor,
            };
            assert!(machine.set(made).is_ok(), "they are made once");
        }
    }

    /// That of a worker, from 0 on; `None` where there are not so many.
    pub fn of_worker(worker: usize) -> Option<&'static Machine> {
        MACHINES.get(worker)?.get()
    }

    /// What can run on it.
    pub fn subjects(&self) -> &'static [Subject] {
        self.subjects
    }

    /// Sets the clock and the random numbers of a run, which belongs to the calling thread.
    pub fn begin_run(&self, random: u64) {
        let shared = self.wire.shared();
        zygote::stay_on(self.processor);
        shared.clock.store(0, Ordering::Relaxed);
        shared.random.store(random, Ordering::Relaxed);
    }

    /// Lets a process begin, with so many clients, on this disk.
    pub fn boot(&self, subject: usize, clients: usize, vfs: Arc<SimVfs>) -> Process<'_> {
        assert!((1..SLOTS).contains(&clients), "so many clients");
        let shared = self.wire.shared();
        shared.clock.fetch_add(BOOT_NS, Ordering::Relaxed);
        shared.subject.store(subject as u32, Ordering::Relaxed);
        shared.clients.store(clients as u32, Ordering::Relaxed);
        let wants_stacks = events::are_sites_wanted();
        shared
            .wants_stacks
            .store(wants_stacks.into(), Ordering::Relaxed);
        self.wire.clear();
        let ended = self.zygote.ended();
        self.zygote.start();
        let threads = Rc::new(Threads::new(self.wire));
        let alarm = Rc::clone(&threads);
        Scheduler::of_this_thread().set_alarm(Some(Rc::new(move || alarm.ring())));
        Process {
            machine: self,
            ended,
            files: Files::new(vfs),
            threads,
            broken: RefCell::default(),
            panics: RefCell::default(),
            aborts_on_panic: Cell::default(),
            has_begun: Cell::default(),
        }
    }
}

impl Drop for Process<'_> {
    fn drop(&mut self) {
        Scheduler::of_this_thread().set_alarm(None);
        self.machine.zygote.kill(self.ended);
    }
}

impl Process<'_> {
    /// Lets a client begin; returns when it waits for its first command.
    ///
    /// # Errors
    /// That the process can't go on.
    pub fn begin(&self, client: usize) -> Result<(), Broken> {
        if client > 0 || self.has_begun.replace(true) {
            self.threads.await_spawn(client);
        }
        self.serve(client).map(drop)
    }

    /// Lets a thread run that is no client, if there ever is one with that number, to its end.
    ///
    /// # Errors
    /// That the process can't go on.
    pub fn background(&self, thread: usize) -> Result<(), Broken> {
        self.threads.await_spawn(thread);
        self.serve(thread).map(drop)
    }

    /// Has a client do something.
    ///
    /// # Errors
    /// That the process can't go on; in it, the subject's own error.
    pub fn command(
        &self,
        client: usize,
        command: &Command,
    ) -> Result<Result<Answer, String>, Broken> {
        let bytes = command.encode();
        self.wire().buffer(client)[..bytes.len()].copy_from_slice(&bytes);
        self.wire().answer(client, 0, bytes.len());
        let answered = self.serve(client)?.expect("a client does not end");
        Ok(answered)
    }

    /// What threads have said when they panicked.
    pub fn panics(&self) -> Vec<String> {
        self.panics.borrow().clone()
    }

    /// From now on it ends as soon as a thread panics, as where panics abort.
    pub fn abort_on_panic(&self, aborts: bool) {
        self.aborts_on_panic.set(aborts);
    }

    /// Whether it has ended without being told to.
    pub fn has_ended(&self) -> bool {
        matches!(*self.broken.borrow(), Some(Broken::Ended(_)))
    }

    fn wire(&self) -> Wire {
        self.machine.wire
    }

    /// Serves a thread that runs until it has done its command; `None` when it has ended.
    fn serve(&self, thread: usize) -> Result<Option<Result<Answer, String>>, Broken> {
        loop {
            let (op, args, len) = self.await_request(thread)?;
            let shared = self.wire().shared();
            shared.clock.fetch_add(CALL_NS, Ordering::Relaxed);
            trace::mix(op as u64 | (thread as u64) << 8 | (len as u64) << 32);
            match op {
                Op::Next => {
                    let bytes = &self.wire().buffer(thread)[..len];
                    trace::mix_bytes(bytes);
                    return Ok(Some(match args[0] {
                        0 => Err(String::from_utf8_lossy(bytes).into_owned()),
                        _ => Answer::decode(bytes).ok_or_else(|| "no answer".to_owned()),
                    }));
                }
                Op::Panicked if self.aborts_on_panic.get() => {
                    let aborted = Broken::Ended(Ended::Killed(libc::SIGABRT));
                    self.broken.replace(Some(aborted.clone()));
                    return Err(aborted);
                }
                Op::EndThread => {
                    trace::line(|| format!("thread {thread} ends"));
                    self.threads.end(thread);
                    return Ok(None);
                }
                _ => {
                    let reply = self.act(thread, op, args, len);
                    let (result, len) = match reply {
                        Ok((result, len)) => (result as i64, len),
                        Err(errno) => (-i64::from(errno), 0),
                    };
                    trace::mix(result as u64);
                    self.wire().answer(thread, result, len);
                }
            }
        }
    }

    fn act(&self, thread: usize, op: Op, args: [u64; 4], len: usize) -> Reply {
        let wire = self.wire();
        if events::are_sites_wanted() {
            events::set_stack(thread, Some(wire.stack(thread)));
        }
        match op {
            Op::FutexWait => self.threads.futex_wait(thread, args[0], args[1]),
            Op::FutexWake => self.threads.futex_wake(args[0], args[1]),
            Op::Sleep => self.threads.sleep(thread, args[0]),
            Op::Yield => self.threads.pass(),
            Op::Spawn => self.threads.spawn(),
            Op::Join => self.threads.join(args[0] as usize),
            Op::Panicked => {
                let bytes = &wire.buffer(thread)[..len];
                let text = String::from_utf8_lossy(bytes).into_owned();
                trace::line(|| format!("thread {thread}: {text}"));
                self.panics.borrow_mut().push(text);
                Ok((0, 0))
            }
            _ => self.files.call(op, args, (wire.buffer(thread), len)),
        }
    }

    /// Waits, for real, until the thread that runs makes its next request.
    fn await_request(&self, thread: usize) -> Result<(Op, [u64; 4], usize), Broken> {
        let (wire, zygote) = (self.wire(), &self.machine.zygote);
        let is_there = || wire.request(thread).is_some() || zygote.ended() != self.ended;
        let mut waited = Duration::ZERO;
        while !wire.wait_for_bell(is_there, LOOK_EVERY) {
            waited += LOOK_EVERY;
            if waited >= PATIENCE || zygote.computed() >= COMPUTES_MAX {
                break;
            }
        }
        match wire.request(thread) {
            Some(request) => Ok(request),
            None => {
                let broken = match zygote.end_since(self.ended) {
                    Some(ended) => Broken::Ended(ended),
                    None => Broken::Spins(thread),
                };
                self.broken.replace(Some(broken.clone()));
                Err(broken)
            }
        }
    }
}
