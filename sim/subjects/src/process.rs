//! The life of a simulated process: its clients do what they are told, one verb at a time.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde_bytes::ByteBuf;

use crate::command::{Answer, Command, sent};
use crate::subject::{Log, Open, Outcome, Store, Subject};
use crate::sys;
use crate::wire::Wire;

/// Where subjects live, from the root of the simulated disk on.
pub const HOME: &str = "/home";

/// What the clients share while it is open.
#[derive(Clone)]
enum Opened {
    Log(Arc<Box<dyn Log>>),
    Store(Arc<Box<dyn Store>>),
}

type Shared = Arc<Mutex<Option<Opened>>>;

/// Runs the process to its end, which the kernel decides on.
pub(crate) fn live(wire: Wire, subject: &Subject, clients: usize) -> ! {
    sys::become_simulated(wire);
    std::panic::set_hook(Box::new(|panic| {
        if sys::is_simulated() {
            sys::tell_panic(&panic.to_string());
        }
    }));
    let shared = Shared::default();
    for client in 1..clients {
        let (shared, open) = (Arc::clone(&shared), subject.open);
        let name = format!("client {client}");
        let spawned = std::thread::Builder::new().name(name);
        spawned
            .spawn(move || serve(&shared, open))
            .expect("a thread");
    }
    serve(&shared, subject.open)
}

fn serve(shared: &Shared, open: Open) -> ! {
    let mut last: Result<Answer, String> = Ok(Answer::Nothing);
    loop {
        let (is_ok, answer) = match last {
            Ok(answer) => (true, answer.encode()),
            Err(message) => (false, message.into_bytes()),
        };
        let command = Command::decode(sys::next_command(is_ok, &answer));
        let done = catch_unwind(AssertUnwindSafe(|| act(command, shared, open)));
        last = match done {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(with_causes(&*error)),
            Err(panic) => Err(format!("panicked: {}", message_of(&*panic))),
        };
    }
}

fn act(command: Command, shared: &Shared, open: Open) -> Outcome<Answer> {
    let lock = || shared.lock().unwrap_or_else(PoisonError::into_inner);
    let opened = || lock().clone().ok_or("it is not open");
    match command {
        Command::Open => {
            let home = format!("{}{HOME}", sys::ROOT);
            let home = Path::new(&home);
            let opened = match open {
                Open::Log(open) => Opened::Log(Arc::new(open(home)?)),
                Open::Store(open) => Opened::Store(Arc::new(open(home)?)),
            };
            *lock() = Some(opened);
            Ok(Answer::Nothing)
        }
        Command::ReadAll => Ok(match opened()? {
            Opened::Log(log) => Answer::Entries(sent(log.read_all()?)),
            Opened::Store(store) => {
                let read = store.read_all()?.into_iter();
                Answer::Pairs(
                    read.map(|(key, value)| (key.into(), value.into()))
                        .collect(),
                )
            }
        }),
        Command::Append(entries) => {
            let Opened::Log(log) = opened()? else {
                return Err("a store has no entries".into());
            };
            for (done, entry) in entries.iter().enumerate() {
                if let Err(error) = log.append(entry) {
                    return Ok(Answer::AppendedSome(done as u64, with_causes(&*error)));
                }
            }
            Ok(Answer::Nothing)
        }
        Command::Put(changes) => {
            let Opened::Store(store) = opened()? else {
                return Err("a log has no keys".into());
            };
            let changes = changes.into_iter();
            let changes =
                changes.map(|(key, value)| (key.into_vec(), value.map(ByteBuf::into_vec)));
            store.put(&changes.collect::<Vec<_>>())?;
            Ok(Answer::Nothing)
        }
        Command::Commit => {
            match opened()? {
                Opened::Log(log) => log.commit()?,
                Opened::Store(store) => store.commit()?,
            }
            Ok(Answer::Nothing)
        }
        Command::Trim(count) => {
            if let Opened::Log(log) = opened()? {
                log.trim(count as usize)?;
            }
            Ok(Answer::Nothing)
        }
        Command::Close => {
            let opened = lock().take();
            match opened {
                Some(Opened::Log(log)) => Arc::into_inner(log).ok_or("in use")?.close()?,
                Some(Opened::Store(store)) => Arc::into_inner(store).ok_or("in use")?.close()?,
                None => {}
            }
            Ok(Answer::Nothing)
        }
    }
}

fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let told = cause.to_string();
        // Some errors tell their causes themselves.
        if !text.contains(&told) {
            text = format!("{text}: {told}");
        }
        source = cause.source();
    }
    text
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
