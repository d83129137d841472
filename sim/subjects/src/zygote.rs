//! The fork server: a process in which nothing ever happens, so that each life begins in the same
//! pristine state, to the last address.
#![allow(unsafe_code)] // Forks, waits and signals.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::process;
use crate::subject::Subject;
use crate::wire::Wire;

/// How long a process may take to begin or to end, before something is wrong with the machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A fork server, of the process that made it.
pub struct Zygote {
    wire: Wire,
    pid: i32,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal.
    Killed(i32),
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Ended::Exited(code) => write!(f, "it exited with code {code}"),
            Ended::Killed(signal) => write!(f, "it died of signal {signal}"),
        }
    }
}

/// Runs this program again without address space randomisation, so that addresses, which some code
/// hashes or orders by, are the same in every run. Returns in a process where that holds.
///
/// # Panics
/// When the kernel refuses.
pub fn without_randomized_addresses() {
    // SAFETY: both only change the process itself; what is passed to `execv` are its own arguments,
    // with a null behind them.
    unsafe {
        let now = libc::personality(0xffff_ffff);
        if now & libc::ADDR_NO_RANDOMIZE != 0 {
            return;
        }
        let set = libc::personality((now | libc::ADDR_NO_RANDOMIZE) as _);
        assert!(set >= 0, "addresses can't be fixed");
        let arguments: Vec<_> = std::env::args_os()
            .map(|argument| std::ffi::CString::new(argument.into_encoded_bytes()).expect("no zero"))
            .collect();
        let mut pointers: Vec<_> = arguments.iter().map(|argument| argument.as_ptr()).collect();
        pointers.push(std::ptr::null());
        libc::execv(c"/proc/self/exe".as_ptr(), pointers.as_ptr());
    }
    panic!(
        "this program can't be run again: {}",
        std::io::Error::last_os_error()
    );
}

/// From now on the calling thread, and all processes that it makes, run on this processor. Who hands
/// over at each call and waits for the answer is twice as fast there as on two.
pub fn stay_on(processor: usize) {
    // SAFETY: a set of bits on the stack; it only says where the thread may run.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(processor, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set);
    }
}

/// The processors that the calling thread may run on, from the one that it runs on now.
pub fn processors() -> Vec<usize> {
    // SAFETY: the kernel fills a set of bits on the stack.
    let (set, here) = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set);
        (set, libc::sched_getcpu().max(0) as usize)
    };
    // SAFETY: within the set.
    let may = |&cpu: &usize| unsafe { libc::CPU_ISSET(cpu, &set) };
    // As large on each machine: what is allocated after it lies where it does elsewhere.
    let mut all = Vec::with_capacity(libc::CPU_SETSIZE as usize);
    all.extend((0..libc::CPU_SETSIZE as usize).filter(may));
    let at = all.iter().position(|&cpu| cpu == here).unwrap_or(0);
    all.rotate_left(at);
    all
}

impl Zygote {
    /// Forks it off. To be called while the process has one thread.
    ///
    /// # Panics
    /// When there can't be another process.
    pub fn fork_off(wire: Wire, subjects: &[Subject], processor: usize) -> Zygote {
        // SAFETY: with one thread, a forked child may do whatever its parent may.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0, "no process: {}", std::io::Error::last_os_error());
        if pid == 0 {
            die_with_parent();
            stay_on(processor);
            serve(wire, subjects);
        }
        Zygote { wire, pid }
    }

    /// Lets a process begin, and returns when it is there.
    pub fn start(&self) {
        let shared = self.wire.shared();
        shared.pid.store(0, Ordering::Relaxed);
        shared.orders.fetch_add(1, Ordering::Release);
        crate::futex::wake(&shared.orders);
    }

    /// How the process ended, if it has: `ended` is what [`Zygote::ended`] was when it began.
    pub fn end_since(&self, ended: u32) -> Option<Ended> {
        if self.ended() == ended {
            return None;
        }
        let status = self.wire.shared().status.load(Ordering::Acquire);
        Some(match libc::WIFEXITED(status) {
            true => Ended::Exited(libc::WEXITSTATUS(status)),
            false => Ended::Killed(libc::WTERMSIG(status)),
        })
    }

    /// How many processes have ended.
    pub fn ended(&self) -> u32 {
        self.wire.shared().ended.load(Ordering::Acquire)
    }

    /// How long the process that runs has computed.
    pub fn computed(&self) -> Duration {
        let pid = self.wire.shared().pid.load(Ordering::Acquire);
        // SAFETY: both fill a local variable. Where the process is gone, the clock stays at zero.
        let time = unsafe {
            let (mut clock, mut time) = (0, std::mem::zeroed::<libc::timespec>());
            if libc::clock_getcpuclockid(pid, &raw mut clock) == 0 {
                libc::clock_gettime(clock, &raw mut time);
            }
            time
        };
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    }

    /// Kills the process, which began when so many had ended, and waits for its end.
    ///
    /// # Panics
    /// When it does not end.
    pub fn kill(&self, ended: u32) {
        let has_begun = || self.wire.shared().pid.load(Ordering::Acquire) != 0;
        self.wire.wait_for_bell(has_begun, PATIENCE);
        let pid = self.wire.shared().pid.load(Ordering::Acquire);
        if pid > 0 && self.ended() == ended {
            // SAFETY: a process of this one's, which the fork server has not waited for, so that its
            // number is nobody else's; at worst it has just ended.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
        let has_ended = self.wire.wait_for_bell(|| self.ended() != ended, PATIENCE);
        assert!(has_ended, "a killed process does not end");
    }
}

impl Drop for Zygote {
    fn drop(&mut self) {
        // SAFETY: a child of this process, not waited for before.
        unsafe {
            libc::kill(self.pid, libc::SIGKILL);
            libc::waitpid(self.pid, std::ptr::null_mut(), 0);
        }
    }
}

fn die_with_parent() {
    // SAFETY: it sets a flag of the process.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
}

/// The fork server's life.
fn serve(wire: Wire, subjects: &[Subject]) -> ! {
    let shared = wire.shared();
    silence();
    let mut served = 0;
    loop {
        while shared.orders.load(Ordering::Acquire) == served {
            crate::futex::wait(&shared.orders, served, PATIENCE);
        }
        served += 1;
        // SAFETY: there is one thread here.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            die_with_parent();
            let subject = &subjects[shared.subject.load(Ordering::Relaxed) as usize];
            let clients = shared.clients.load(Ordering::Relaxed) as usize;
            process::live(wire, subject, clients);
        }
        shared.pid.store(pid, Ordering::Release);
        let mut status = libc::W_EXITCODE(127, 0);
        // SAFETY: a child of this process; the status is a local variable.
        unsafe { libc::waitpid(pid, &raw mut status, 0) };
        shared.status.store(status, Ordering::Relaxed);
        shared.ended.fetch_add(1, Ordering::Release);
        wire.ring();
    }
}

/// What subjects print is nobody's business, least of all that of the harness's output.
fn silence() {
    // SAFETY: two descriptors of this process are replaced; nothing is read or written.
    unsafe {
        let nowhere = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR);
        for fd in 0..=2 {
            libc::dup2(nowhere, fd);
        }
    }
}
