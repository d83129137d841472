//! The command line: what can be asked for, and what answers it.

use std::error::Error as _;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use seawall::env::Env;
use seawall::migration::{migrate_dry_run_watched, migrate_watched};
use seawall::salvage::salvage_watched;
use seawall::verify::verify_watched;
use seawall::{Error, KeyRing, Lsn, Verdict, WalEncryptionKey, dump};

use crate::output::{Output, Watch};
use crate::{json, text};

const INTACT: u8 = 0;
const NOT_DONE: u8 = 1;
const DAMAGED: u8 = 3;
const FOREIGN: u8 = 4;

const EXIT_CODES: &str = "\
Exit codes:
  0  intact; a torn tail is ordinary after a crash and counts as intact. For salvage: the new log
     is whole and durable, whatever the damaged one had lost. For migrate: it is whole and durable,
     or, with --dry-run, nothing stands in its way
  1  could not be done: an I/O error, the log is in use, there is nothing there
  2  wrong usage
  3  damaged: bytes that were durable are not what they were
  4  foreign: something is of another log, another format or version, encrypted with a key
     that was not given, or of a type that this version must not pass over";

const EXAMPLES: &str = "\
Examples:
  seawall verify /var/lib/node/wal              is it all there?
  seawall verify /backup/wal --json | jq .verdict
  seawall dump /var/lib/node/wal | head         the first records
  seawall dump /var/lib/node/wal --from 12000 --json
  seawall salvage /var/lib/node/wal /var/lib/node/wal-salvaged
  seawall migrate /var/lib/node/old.wal /var/lib/node/wal --dry-run
  seawall verify /var/lib/node/wal --key new.key --key old.key

A log must not be in use meanwhile. Nothing is ever written into DIR, so a read-only copy will do.
From a source tree: cargo wal verify DIR";

/// Looks at the directory of a seawall log without opening it, and salvages a damaged one.
#[derive(Parser)]
#[command(name = "seawall", version, after_help = EXIT_CODES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// A file with a key of an encrypted log: 32 raw bytes that nobody else may read. Give it again
    /// for each key that the log needs; a salvaged log is written with the first.
    #[arg(long = "key", value_name = "FILE", global = true)]
    key_paths: Vec<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Check every file, frame and link of a log, and say what is wrong and where.
    ///
    /// It says damaged or foreign whenever an open would refuse the log or a replay would end in an
    /// error, and also where bytes have changed that no reader needs. The footer of the last segment
    /// is the one thing that nothing vouches for: without it the log looks as if it had crashed.
    #[command(after_help = EXIT_CODES)]
    Verify {
        /// The log's directory.
        dir: PathBuf,
        /// Print the report as one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Show the records that an open would show, one a line, oldest first.
    ///
    /// Records of unknown types are shown, too. Where the log is damaged the records end, with an
    /// error on standard error.
    #[command(after_help = EXIT_CODES)]
    Dump {
        /// The log's directory.
        dir: PathBuf,
        /// Begin with this record instead of the first.
        #[arg(long, value_name = "LSN")]
        from: Option<u64>,
        /// Print a JSON object a line, with the payload in hexadecimal digits.
        #[arg(long)]
        json: bool,
        /// How many bytes of each payload to show. Default: 32, and all of them with --json.
        #[arg(long, value_name = "N")]
        payload_bytes: Option<usize>,
    },
    /// Copy what is provably good of a damaged log into a new one.
    ///
    /// The records keep their LSNs; those that are lost become gaps. The damaged directory is only
    /// read. If it is interrupted, the new directory can't be opened: remove it and begin again.
    #[command(after_help = EXIT_CODES)]
    Salvage {
        /// The damaged log's directory.
        dir: PathBuf,
        /// The new log's directory; missing or empty.
        new_dir: PathBuf,
        /// Print the outcome as one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Copy a log of the format before version 1 into a new one.
    ///
    /// An open of the old path does this by itself, beside the old files. This is for whoever wants
    /// the new log elsewhere, or wants to know first what would come of it. The old files are only
    /// read. They may be encrypted: give their keys, and the first one seals the new log. If it is
    /// interrupted, the new directory can't be opened: remove it and begin again.
    #[command(after_help = EXIT_CODES)]
    Migrate {
        /// The old log: a file, or a directory of wal-*.seg.
        source: PathBuf,
        /// The new log's directory; missing or empty. Not needed with --dry-run.
        #[arg(required_unless_present = "dry_run")]
        target: Option<PathBuf>,
        /// Read all of it and tell what would come of it; write nothing.
        #[arg(long)]
        dry_run: bool,
        /// Print the outcome as one JSON object.
        #[arg(long)]
        json: bool,
    },
}

/// Why the command ends early.
enum Trouble {
    Log(Error),
    Output(io::Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        Trouble::Log(error)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        Trouble::Output(error)
    }
}

impl Trouble {
    fn exit_code(&self) -> u8 {
        match self {
            Trouble::Log(Error::Corrupt { .. }) => DAMAGED,
            Trouble::Log(
                Error::Foreign { .. }
                | Error::Version { .. }
                | Error::Encrypted { .. }
                | Error::Plaintext { .. }
                | Error::Legacy { .. }
                | Error::LegacyChanged { .. }
                | Error::NoKeyOpens { .. }
                | Error::UnknownType { .. },
            ) => FOREIGN,
            Trouble::Log(_) | Trouble::Output(_) => NOT_DONE,
        }
    }

    /// The error and its causes in one line.
    fn line(&self) -> String {
        match self {
            Trouble::Output(error) => format!("cannot write to standard output: {error}"),
            Trouble::Log(error) => {
                let mut line = error.to_string();
                let mut cause = error.source();
                while let Some(error) = cause {
                    line.push_str(&format!(": {error}"));
                    cause = error.source();
                }
                line
            }
        }
    }
}

impl Cli {
    /// Does what was asked for.
    pub fn run(self) -> ExitCode {
        let mut output = Output::new();
        let done = self.answer(&mut output);
        let flushed = output.flush().map_err(Trouble::Output);
        let code = match done.and_then(|code| flushed.map(|()| code)) {
            Ok(code) => code,
            Err(trouble) => {
                eprintln!("error: {}", trouble.line());
                trouble.exit_code()
            }
        };
        ExitCode::from(code)
    }

    fn answer(&self, output: &mut Output) -> Result<u8, Trouble> {
        let keys = read_keys(&self.key_paths)?;
        match &self.command {
            Command::Verify { dir, json } => run_verify(dir, keys, *json, output),
            Command::Dump {
                dir,
                from,
                json,
                payload_bytes,
            } => run_dump(dir, *from, keys, *json, *payload_bytes, output),
            Command::Salvage { dir, new_dir, json } => {
                run_salvage(dir, new_dir, keys, *json, output)
            }
            Command::Migrate {
                source,
                target,
                dry_run,
                json,
            } => {
                let target = target.as_deref().filter(|_| !dry_run);
                run_migrate(source, target, keys, *json, output)
            }
        }
    }
}

/// The keys in these files; the first one writes.
fn read_keys(paths: &[PathBuf]) -> Result<Option<KeyRing>, Error> {
    let mut keys = None;
    for path in paths {
        let key = WalEncryptionKey::from_file(path)?;
        keys = Some(match keys {
            None => KeyRing::new(key),
            Some(ring) => KeyRing::with_previous(ring, key),
        });
    }
    Ok(keys)
}

fn run_verify(
    dir: &Path,
    keys: Option<KeyRing>,
    as_json: bool,
    output: &mut Output,
) -> Result<u8, Trouble> {
    let mut watch = Watch::new("verify");
    let report = verify_watched(Env::os(), dir, keys, &mut |progress| watch.show(progress));
    watch.finish();
    let report = report?;
    match as_json {
        true => output.line(&json::report(&report).to_string())?,
        false => {
            for line in text::report(&report) {
                output.line(&line)?;
            }
        }
    }
    Ok(match report.verdict() {
        Verdict::Intact => INTACT,
        Verdict::Damaged => DAMAGED,
        Verdict::Foreign => FOREIGN,
    })
}

fn run_dump(
    dir: &Path,
    from: Option<u64>,
    keys: Option<KeyRing>,
    as_json: bool,
    payload_bytes: Option<usize>,
    output: &mut Output,
) -> Result<u8, Trouble> {
    for record in dump(dir, from.map(Lsn::new), keys)? {
        let record = record?;
        let line = match as_json {
            true => json::record(&record, payload_bytes.unwrap_or(usize::MAX)).to_string(),
            false => text::record(&record, payload_bytes.unwrap_or(32)),
        };
        output.line(&line)?;
        if output.is_closed() {
            break;
        }
    }
    Ok(INTACT)
}

fn run_salvage(
    dir: &Path,
    new_dir: &Path,
    keys: Option<KeyRing>,
    as_json: bool,
    output: &mut Output,
) -> Result<u8, Trouble> {
    let mut watch = Watch::new("salvage");
    let mut show = |progress| watch.show(progress);
    let salvaged = salvage_watched(Env::os(), dir, new_dir, keys, &mut show);
    watch.finish();
    let salvaged = salvaged?;
    match as_json {
        true => output.line(&json::salvaged(&salvaged).to_string())?,
        false => {
            for line in text::salvaged(&salvaged) {
                output.line(&line)?;
            }
        }
    }
    Ok(INTACT)
}

/// Migrates into `target`; without one it only looks.
fn run_migrate(
    source: &Path,
    target: Option<&Path>,
    keys: Option<KeyRing>,
    as_json: bool,
    output: &mut Output,
) -> Result<u8, Trouble> {
    let mut watch = Watch::new("migrate");
    let mut show = |progress| watch.show(progress);
    let migrated = match target {
        Some(target) => migrate_watched(Env::os(), source, target, keys, &mut show),
        None => migrate_dry_run_watched(Env::os(), source, keys, &mut show),
    };
    watch.finish();
    let migrated = migrated?;
    match as_json {
        true => output.line(&json::migrated(&migrated).to_string())?,
        false => {
            for line in text::migrated(&migrated, target.is_none()) {
                output.line(&line)?;
            }
        }
    }
    Ok(INTACT)
}
