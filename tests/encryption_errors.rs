//! Encrypting anew where the disk is full, and beside readers: on a real directory, with a hook in
//! front of it.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // Real files are what this is about.

#[path = "support/hooked.rs"]
mod hooked;
#[path = "support/log.rs"]
mod support;

use std::cell::Cell;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hooked::Event;
use seawall::env::Env;
use seawall::{Error, KeyRing, WalEncryptionKey, WalManager};
use support::{fill, lsns, scratch, small};

fn key(number: u8) -> WalEncryptionKey {
    WalEncryptionKey::from_bytes(&[number; 32])
}

fn open(env: Env, dir: &Path) -> WalManager {
    WalManager::open_in(env, dir, small(), Some(KeyRing::new(key(1)))).expect("opens")
}

/// A world in which syncs of this file find no space.
fn without_space_for(name: &'static str) -> Env {
    hooked::env(move |event, path| match event {
        Event::Sync if path.ends_with(name) => Err(ErrorKind::StorageFull.into()),
        _ => Ok(()),
    })
}

#[test]
fn no_space_for_a_copy_is_no_end() {
    let dir = scratch();
    let wal = open(without_space_for("copy.wal.tmp"), dir.path());
    fill(&wal, 40);
    wal.rotate_key_to(key(2)).expect("rotates");
    assert!(matches!(wal.reencrypt(), Err(Error::Full { .. })));
    assert!(!dir.path().join("copy.wal.tmp").exists());
    fill(&wal, 1);
    assert_eq!(lsns(&wal), (1..=41).collect::<Vec<_>>());
}

#[test]
fn an_encrypted_log_opens_where_a_plain_one_does() {
    let dir = scratch();
    fill(&open(Env::os(), dir.path()), 3);
    let wal = open(without_space_for("next.wal.tmp"), dir.path());
    assert_eq!(lsns(&wal), [1, 2, 3]);
}

thread_local! {
    /// Whether this thread has seen the event that it waits for.
    static IS_OVER: Cell<bool> = const { Cell::new(false) };
}

#[test]
fn a_reader_is_not_disturbed_between_two_copies() {
    let dir = scratch();
    let wal: Arc<std::sync::OnceLock<WalManager>> = Arc::default();
    let is_armed = Arc::new(AtomicBool::new(false));
    let env = hooked::env({
        let (wal, is_armed) = (Arc::clone(&wal), Arc::clone(&is_armed));
        move |event, _| {
            if event == Event::Opened && is_armed.swap(false, Ordering::Relaxed) {
                let wal = wal.get().expect("it is open");
                wal.rotate_key_to(key(3)).expect("rotates");
                wal.reencrypt().expect("encrypts anew");
                assert!(wal.retire_key(key(2).id()).expect("is free"));
                IS_OVER.set(true);
            }
            Ok(())
        }
    });
    let wal = wal.get_or_init(|| open(env, dir.path()));
    fill(wal, 40);
    let reader = wal.reader().expect("reads");
    wal.rotate_key_to(key(2)).expect("rotates");
    wal.reencrypt().expect("encrypts anew");
    // The reader opens a copy under key 2; before it asks for that key, it is gone.
    is_armed.store(true, Ordering::Relaxed);
    assert_eq!(reader.map(Result::unwrap).count(), 40);
    assert!(IS_OVER.get());
}
