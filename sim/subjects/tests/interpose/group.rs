//! A log with a thread of its own that writes and syncs for all: locks, waits, threads and their ends.

use std::cell::RefCell;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use seawall_subjects::subject::{Log, Outcome};

use super::files::{entries, frame};

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    appended: u64,
    durable: u64,
    is_broken: bool,
    ends: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct Group {
    path: PathBuf,
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
    told: Mutex<mpsc::Receiver<&'static str>>,
}

/// Tells when its thread's values are destroyed.
struct Farewell(mpsc::Sender<&'static str>);

impl Drop for Farewell {
    fn drop(&mut self) {
        // A file call in a destructor, and a message.
        drop(fs::metadata("/simfs"));
        self.0.send("farewell").expect("it is listened to");
    }
}

thread_local! {
    static FAREWELL: RefCell<Option<Farewell>> = const { RefCell::new(None) };
}

pub fn open(dir: &Path) -> Outcome<Box<dyn Log>> {
    let path = dir.join("log");
    let mut options = OpenOptions::new();
    let file = options.append(true).create(true).open(&path)?;
    File::open(dir)?.sync_all()?;
    file.set_len(entries(&fs::read(&path)?).1 as u64)?;
    file.sync_all()?;
    check_clocks();
    let shared = Arc::new(Shared::default());
    let (tell, told) = mpsc::channel();
    let of_writer = Arc::clone(&shared);
    let writer = thread::Builder::new()
        .name("writer".to_owned())
        .spawn(move || {
            FAREWELL.set(Some(Farewell(tell)));
            write(&of_writer, file);
        })?;
    Ok(Box::new(Group {
        path,
        shared,
        writer: Some(writer),
        told: Mutex::new(told),
    }))
}

fn check_clocks() {
    let begun = Instant::now();
    thread::sleep(Duration::from_millis(3));
    let slept = begun.elapsed();
    assert!((3..10).contains(&slept.as_millis()), "{slept:?}");
    let since = SystemTime::UNIX_EPOCH.elapsed().expect("later").as_secs();
    assert!((1_767_225_600..1_767_225_700).contains(&since), "{since}");
    let (_tell, told) = mpsc::channel::<()>();
    let begun = Instant::now();
    told.recv_timeout(Duration::from_millis(5))
        .expect_err("nobody tells");
    assert!(begun.elapsed() >= Duration::from_millis(5));
}

fn write(shared: &Shared, mut file: File) {
    let mut state = shared.state.lock().expect("not poisoned");
    loop {
        while state.waiting.is_empty() && !state.ends {
            let long = Duration::from_millis(20);
            (state, _) = shared
                .changed
                .wait_timeout(state, long)
                .expect("not poisoned");
        }
        if state.waiting.is_empty() {
            return;
        }
        let (bytes, appended) = (std::mem::take(&mut state.waiting), state.appended);
        drop(state);
        let done = file.write_all(&bytes).and_then(|()| file.sync_data());
        state = shared.state.lock().expect("not poisoned");
        match done {
            Ok(()) => state.durable = appended,
            Err(_) => state.is_broken = true,
        }
        shared.changed.notify_all();
        if state.is_broken {
            return;
        }
    }
}

impl Group {
    fn flush(&self) -> Outcome<()> {
        let mut state = self.shared.state.lock().map_err(|_| "poisoned")?;
        let until = state.appended;
        while state.durable < until && !state.is_broken {
            state = self.shared.changed.wait(state).map_err(|_| "poisoned")?;
        }
        if state.is_broken {
            Err("broken".into())
        } else {
            Ok(())
        }
    }
}

impl Log for Group {
    fn append(&self, entry: &[u8]) -> Outcome<()> {
        let mut state = self.shared.state.lock().map_err(|_| "poisoned")?;
        if state.is_broken {
            return Err("broken".into());
        }
        state.waiting.extend(frame(entry));
        state.appended += 1;
        self.shared.changed.notify_all();
        Ok(())
    }

    fn commit(&self) -> Outcome<()> {
        self.flush()
    }

    fn read_all(&self) -> Outcome<Vec<Vec<u8>>> {
        self.flush()?;
        Ok(entries(&fs::read(&self.path)?).0)
    }

    fn close(mut self: Box<Self>) -> Outcome<()> {
        self.shared.state.lock().map_err(|_| "poisoned")?.ends = true;
        self.shared.changed.notify_all();
        let writer = self.writer.take().ok_or("closed")?;
        writer.join().map_err(|_| "it panicked")?;
        let told = self.told.lock().map_err(|_| "poisoned")?;
        assert_eq!(
            told.try_recv(),
            Ok("farewell"),
            "a joined thread has no values left"
        );
        Ok(())
    }
}
