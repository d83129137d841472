//! A subject under the storm: lives of a process on one disk, and what is asked of it in each.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::Path;

use seawall::env::sync::{Park, Scheduler as Hook};
use seawall::env::vfs::Vfs;
use seawall_sim::checker::{Property, Violation};
use seawall_sim::choice::Ratio;
use seawall_sim::disk::Knobs;
use seawall_sim::sched::Scheduler;
use seawall_sim::storm::{Life, Sky, Step, Storm, Task, Verdict};
use serde_bytes::ByteBuf;

use crate::command::{Answer, Command, received, sent};
use crate::kernel::{Broken, Machine, Process};
use crate::model::{LogModel, StoreModel};
use crate::process::HOME;
use crate::subject::{Open, Subject};
use crate::wire::SLOTS;

/// How many lives the storm lasts, at most.
const LIVES: u64 = 3;
/// How many clients there are, at most.
const CLIENTS_MAX: u64 = 3;
/// How many threads of its own a subject may start in a life.
const HELPERS: usize = SLOTS - CLIENTS_MAX as usize;
/// How many steps a client takes in a life, at most.
const STEPS: u64 = 6;
/// Clients wait for this while the first one opens the subject.
const OPENED: usize = 1000;
/// The first client waits for this until the others are done.
const DONE: usize = 1001;
/// Bytes of an entry or value: most are small, some need several blocks.
const LENGTHS: &[usize] = &[32, 32, 100, 100, 300, 1000, 5000, 20_000];

/// What the clients of a run remember.
enum Model {
    Log(LogModel),
    Store(StoreModel),
}

/// One run.
struct Run<'a> {
    machine: &'a Machine,
    number: usize,
    subject: &'a Subject,
    clients: usize,
    /// Whether calls may fail, which excuses errors until the storm is over.
    calls_fail: bool,
    /// Whether they may in this life.
    is_excused_now: Cell<bool>,
    model: RefCell<Model>,
}

/// The storm over a machine's subject of this number, on a disk like this.
pub fn storm(
    machine: &Machine,
    number: usize,
    knobs: Knobs,
) -> Storm<impl Fn(&Sky) -> Verdict + use<'_>> {
    let subject = &machine.subjects()[number];
    let body = move |sky: &Sky| {
        let mut draw = sky.choices();
        machine.begin_run(draw.bits());
        let clients = 1 + draw.below(CLIENTS_MAX) as usize;
        let may_fail = subject.promises.faults.is_some();
        let calls_fail = draw.happens(Ratio::new(1, 4)) && may_fail;
        if calls_fail {
            sky.spare_kills();
        }
        let promises = subject.promises;
        let model = match subject.open {
            Open::Log(_) => Model::Log(LogModel::new(promises)),
            Open::Store(_) => Model::Store(StoreModel::new(promises, clients)),
        };
        let run = Run {
            machine,
            number,
            subject,
            clients,
            calls_fail,
            is_excused_now: Cell::new(false),
            model: RefCell::new(model),
        };
        let is_ready = Cell::new(false);
        sky.lives(LIVES, |life| {
            if !is_ready.replace(true) {
                run.prepare(life)?;
            }
            run.live(life)
        })
    };
    Storm::new(subject.source, body).on(knobs)
}

/// The same disk, on which calls may fail.
fn with_failing_calls(knobs: &Knobs) -> Knobs {
    Knobs {
        short_write: Ratio::new(1, 20),
        short_read: Ratio::new(1, 20),
        eintr: Ratio::new(1, 50),
        write_error: Ratio::new(1, 100),
        read_error: Ratio::new(1, 200),
        sync_error: Ratio::new(1, 20),
        dirsync_error: Ratio::new(1, 50),
        metadata_error: Ratio::new(1, 100),
        ..knobs.clone()
    }
}

impl Run<'_> {
    /// The directory that the subject is given; it is durable before anything begins.
    fn prepare(&self, life: &Life<'_>) -> Verdict {
        let disk = life.disk();
        disk.create_dir(Path::new(HOME))?;
        disk.sync_dir(Path::new("/"))?;
        if self.calls_fail {
            disk.with_disk(|disk| {
                disk.set_knobs(with_failing_calls(disk.knobs()));
                disk.set_calm(life.is_last());
            });
        }
        Ok(())
    }

    fn live(&self, life: &Life<'_>) -> Verdict {
        let process = self.machine.boot(self.number, self.clients, life.disk());
        self.is_excused_now.set(self.is_excused(life));
        process.abort_on_panic(self.is_excused(life));
        // Whether it is open: until then nobody else does anything.
        let opened = Cell::new(None);
        let busy = Cell::new(self.clients);
        let lived = life.tasks_beside(self.clients, HELPERS, |task| {
            let index = task.index();
            if index >= self.clients {
                return Ok(process.background(index).map_err(died)?);
            }
            process.begin(index).map_err(died)?;
            if index == 0 {
                let is_open = self.open(&process, life)?;
                opened.set(Some(is_open));
                Scheduler::of_this_thread().wake_all(OPENED);
            }
            while opened.get().is_none() {
                Scheduler::of_this_thread().park(OPENED, Park::Lock);
            }
            if opened.get() == Some(true) {
                for step in task.steps(STEPS) {
                    self.step(&process, task, &step)?;
                }
            }
            busy.set(busy.get() - 1);
            Scheduler::of_this_thread().wake_all(DONE);
            if index == 0 && opened.get() == Some(true) {
                while busy.get() > 0 {
                    Scheduler::of_this_thread().park(DONE, Park::Lock);
                }
                self.end(&process, task, life)?;
            }
            Ok(())
        });
        match lived {
            // To end is an answer to a call that fails.
            Err(_) if process.has_ended() && self.is_excused(life) => Ok(()),
            Err(error) if error.is::<Violation>() => Err(error),
            // Also when the life was cut off.
            lived => self.judge_panics(&process).and(lived),
        }
    }

    /// Whether errors of the subject are to be expected.
    fn is_excused(&self, life: &Life<'_>) -> bool {
        self.calls_fail && !life.is_last()
    }

    /// Opens and reads it; `false` where that does not work, and need not.
    fn open(&self, process: &Process<'_>, life: &Life<'_>) -> Result<bool, Violation> {
        for command in [Command::Open, Command::ReadAll] {
            let answer = process.command(0, &command).map_err(died)?;
            let answer = match answer {
                Ok(answer) => answer,
                Err(_) if self.is_excused(life) || self.subject.promises.opens.is_none() => {
                    return Ok(false);
                }
                Err(error) => {
                    let verb = match command {
                        Command::Open => "opened",
                        _ => "read",
                    };
                    let story = format!("it can't be {verb}: {error}");
                    return Err(Violation::new(Property::Opens, story));
                }
            };
            let was_cut = !life.follows_a_kill();
            match (&mut *self.model.borrow_mut(), answer) {
                (Model::Log(log), Answer::Entries(read)) => {
                    log.judge_recovery(&received(read), was_cut)?;
                }
                (Model::Store(store), Answer::Pairs(read)) => {
                    store.judge_recovery(&pairs(read), was_cut)?;
                }
                _ => {}
            }
        }
        Ok(true)
    }

    /// What a client does next.
    fn step(&self, process: &Process<'_>, task: &Task<'_>, step: &Step) -> Verdict {
        let client = task.index();
        if let Model::Store(store) = &*self.model.borrow()
            && store.is_in_doubt(client)
        {
            return Ok(());
        }
        match step.below(10) {
            0..5 => {
                if self.change(process, client, step)? {
                    self.commit(process, client)?;
                }
                Ok(())
            }
            5..7 => self.change(process, client, step).map(drop),
            7 => self.commit(process, client),
            8 => self.read(process, client).map(drop),
            // Others may trim what this one has counted.
            _ if client == 0 => self.trim(process, client, step),
            _ => self.read(process, client).map(drop),
        }
    }

    /// Adds or changes something; `false` where the subject refuses.
    fn change(
        &self,
        process: &Process<'_>,
        client: usize,
        step: &Step,
    ) -> Result<bool, Box<dyn std::error::Error>> {
        let count = 1 + step.below(3);
        let longest = self.subject.longest;
        let len = || (*step.pick(LENGTHS)).min(longest);
        let command = match &mut *self.model.borrow_mut() {
            Model::Log(log) => {
                let entries = (0..count).map(|_| log.next_entry(client, len()));
                Command::Append(sent(entries.collect()))
            }
            Model::Store(store) => {
                let picks = (0..count).map(|_| (step.below(100), step.below(8) == 7));
                Command::put(store.next_put(client, &picks.collect::<Vec<_>>(), len()))
            }
        };
        let answer = process.command(client, &command).map_err(died)?;
        if let (Model::Log(log), Command::Append(entries)) =
            (&mut *self.model.borrow_mut(), &command)
        {
            let done = match &answer {
                Ok(Answer::AppendedSome(done, _)) => *done as usize,
                Ok(_) => entries.len(),
                Err(_) => return self.refused(answer).map(|()| false),
            };
            entries[..done].iter().for_each(|entry| log.added(entry));
            entries
                .iter()
                .skip(done + 1)
                .for_each(|entry| log.withdrawn(entry));
        }
        match answer {
            Ok(Answer::AppendedSome(_, error)) => self.refused(Err(error)).map(|()| false),
            Ok(_) => Ok(true),
            Err(error) => {
                if let Model::Store(store) = &mut *self.model.borrow_mut() {
                    store.failed(client);
                }
                self.refused(Err(error)).map(|()| false)
            }
        }
    }

    fn commit(&self, process: &Process<'_>, client: usize) -> Verdict {
        let answer = process.command(client, &Command::Commit).map_err(died)?;
        match (answer, &mut *self.model.borrow_mut()) {
            (Ok(_), Model::Log(log)) => log.committed(client),
            (Ok(_), Model::Store(store)) => store.committed(client),
            (refused, _) => return self.refused(refused),
        }
        Ok(())
    }

    /// All entries, of a log.
    fn read(
        &self,
        process: &Process<'_>,
        client: usize,
    ) -> Result<Vec<Vec<u8>>, Box<dyn std::error::Error>> {
        let acknowledged = match &*self.model.borrow() {
            Model::Log(log) => log.acknowledged(),
            Model::Store(_) => Vec::new(),
        };
        let answer = process.command(client, &Command::ReadAll).map_err(died)?;
        match (answer, &*self.model.borrow()) {
            (Ok(Answer::Entries(read)), Model::Log(log)) => {
                let read = received(read);
                log.judge_read(&read, &acknowledged)?;
                Ok(read)
            }
            (Ok(Answer::Pairs(read)), Model::Store(store)) => {
                store.judge_read(client, &pairs(read))?;
                Ok(Vec::new())
            }
            (Ok(_), _) => Ok(Vec::new()),
            (refused, _) => self.refused(refused).map(|()| Vec::new()),
        }
    }

    fn trim(&self, process: &Process<'_>, client: usize, step: &Step) -> Verdict {
        let read = self.read(process, client)?;
        let count = step.below(read.len() as u64 + 1);
        if count == 0 {
            return Ok(());
        }
        if let Model::Log(log) = &mut *self.model.borrow_mut() {
            log.trimmed(&read, count as usize);
        }
        let answer = process
            .command(client, &Command::Trim(count))
            .map_err(died)?;
        self.refused(answer)
    }

    /// When all clients are done: perhaps a close; and when the storm is over, a second open.
    fn end(&self, process: &Process<'_>, task: &Task<'_>, life: &Life<'_>) -> Verdict {
        if life.is_last() || task.steps(1).any(|step| step.below(2) == 1) {
            let answer = process.command(0, &Command::Close).map_err(died)?;
            self.refused(answer)?;
        }
        if life.is_last() {
            self.open(process, life)?;
        }
        Ok(())
    }

    /// An error of a verb is one of the subject's, unless calls fail.
    fn refused(&self, answer: Result<Answer, String>) -> Verdict {
        match answer {
            Err(error) if !self.is_excused_now.get() => {
                let property = match error.starts_with("panicked: ") {
                    true => Property::Panic,
                    false => Property::Errors,
                };
                Err(Violation::new(property, format!("without a failing call: {error}")).into())
            }
            _ => Ok(()),
        }
    }

    fn judge_panics(&self, process: &Process<'_>) -> Verdict {
        match process.panics().first() {
            Some(panic) if !self.is_excused_now.get() => {
                Err(Violation::new(Property::Panic, panic.clone()).into())
            }
            _ => Ok(()),
        }
    }
}

fn pairs(read: BTreeMap<ByteBuf, ByteBuf>) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let read = read.into_iter();
    read.map(|(key, value)| (key.into_vec(), value.into_vec()))
        .collect()
}

fn died(broken: Broken) -> Violation {
    let property = match broken {
        Broken::Ended(_) => Property::Panic,
        Broken::Spins(_) => Property::Progress,
    };
    Violation::new(property, broken.to_string())
}
