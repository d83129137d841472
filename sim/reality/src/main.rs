//! The reality check: what Linux file systems leave of the real log's directory in a power cut, held
//! against the simulated disk, and recovered.
//!
//! For root on Linux; `sim/reality/run` runs it where nothing of it can be left behind.

#[cfg(target_os = "linux")]
mod calls;
#[cfg(target_os = "linux")]
mod cut;
#[cfg(target_os = "linux")]
mod device;
#[cfg(target_os = "linux")]
mod filesystem;
#[cfg(target_os = "linux")]
mod fuse;
#[cfg(target_os = "linux")]
mod judge;
#[cfg(target_os = "linux")]
mod recorder;
#[cfg(target_os = "linux")]
mod trial;
#[cfg(target_os = "linux")]
mod workload;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    trial::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("the reality check looks at Linux file systems, on Linux");
}
