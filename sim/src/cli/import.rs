//! `cargo sim import`: what is wrong with a log's directory, and whether a crash explains it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use seawall::{KeyRing, WalEncryptionKey};
use seawall_sim::import::capsule::{ImageCapsule, Payloads, SaysOtherwise};
use seawall_sim::import::{Examination, FieldClass, FieldImage, Findings, Recovery, examine};
use seawall_sim::report::failure::FAILURES_DIR;
use seawall_sim::results::replace;

#[derive(Args)]
pub(super) struct ImportArgs {
    /// The log's directory, which is only read and must not be in use; or a capsule made of one.
    dir: PathBuf,
    /// A file with a key of an encrypted log, as for `cargo wal verify`. It goes into no capsule.
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
    /// Where to write the capsule. Default: a file in sim-failures, unless nothing is wrong.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Leave payloads and names of holds in the capsule as they are.
    #[arg(long)]
    with_payloads: bool,
    /// Print everything that happened, a line each.
    #[arg(long)]
    trace: bool,
}

pub(super) fn run(args: &ImportArgs) -> ExitCode {
    let code = answer(args).unwrap_or_else(|error| {
        eprintln!("error: {error}");
        2
    });
    ExitCode::from(code)
}

/// Looks at a capsule's image again, for who replays it.
pub(super) fn replay(path: &Path, capsule: &ImageCapsule, with_trace: bool) -> ExitCode {
    let code = again(path, capsule, None, with_trace).unwrap_or_else(|error| {
        eprintln!("error: {error}");
        2
    });
    ExitCode::from(code)
}

fn answer(args: &ImportArgs) -> Result<u8, String> {
    let keys = read_keys(&args.keys)?;
    if args.dir.is_file() {
        let capsule = read_capsule(&args.dir)?;
        return again(&args.dir, &capsule, keys.as_ref(), args.trace);
    }
    let image = FieldImage::read(&args.dir)?;
    let examination = examine(&image, keys.as_ref(), args.trace);
    say!("{}", args.dir.display());
    tell(&image, &examination);
    let findings = &examination.findings;
    let is_wanted = !matches!(findings.class, FieldClass::Intact | FieldClass::NotALog);
    if is_wanted || args.output.is_some() {
        let capsule = match args.with_payloads {
            true => Ok(ImageCapsule::with_payloads(&image, &examination)),
            false => ImageCapsule::redacted(&image, findings, keys.as_ref()),
        };
        save(args, capsule, findings.contents.encrypted > 0)?;
    }
    Ok(conclude(findings))
}

fn again(
    path: &Path,
    capsule: &ImageCapsule,
    keys: Option<&KeyRing>,
    with_trace: bool,
) -> Result<u8, String> {
    let image = capsule.unpack();
    let image = image.map_err(|error| format!("{}: {error}", path.display()))?;
    let examination = examine(&image, keys, with_trace);
    say!("{}: payloads {}", path.display(), capsule.payloads);
    tell(&image, &examination);
    match capsule.is_same(&examination) {
        true => say!("the same as when the capsule was made, call by call"),
        false => say!(
            "NOT the same as when the capsule was made; it said then, with trace {}:\n  {}",
            capsule.trace,
            capsule.fingerprint
        ),
    }
    Ok(conclude(&examination.findings))
}

fn tell(image: &FieldImage, examination: &Examination) {
    for line in &examination.trace.lines {
        say!("{line}");
    }
    let findings = &examination.findings;
    let contents = &findings.contents;
    let range = |lsns: Option<(u64, u64)>| match lsns {
        None => String::new(),
        Some((first, last)) => format!(", LSN {first} to {last}"),
    };
    say!(
        "there: {} segments, {} of them encrypted, {} legacy files, {} records{}; {}; {} other files left aside",
        contents.segments,
        contents.encrypted,
        contents.legacy,
        contents.records,
        range(contents.lsns),
        match contents.is_closed {
            true => "closed",
            false => "not closed",
        },
        image.strangers
    );
    for damage in &findings.damage {
        let lsn = damage.lsn.map(|lsn| format!(", LSN {lsn}"));
        say!(
            "{}: {} at offset {}{}: {}",
            damage.kind,
            damage.file,
            damage.offset,
            lsn.unwrap_or_default(),
            damage.what
        );
        if let Some(looks) = &damage.looks {
            say!("    {looks}");
        }
        say!("    evidence: {}", damage.evidence);
    }
    match &findings.recovery {
        Recovery::Opens {
            records,
            lsns,
            next_lsn,
            adopted,
            cut_bytes,
            stopped,
        } => {
            say!(
                "recovery: opens it with {records} records{}, adopts {adopted} that nothing proves, cuts {cut_bytes} bytes; the next is LSN {next_lsn}",
                range(*lsns)
            );
            if let Some(error) = stopped {
                say!("    a reader stops: {error}");
            }
        }
        Recovery::Refuses(error) => say!("recovery: refuses it: {error}"),
        Recovery::Breaks(how) => say!("recovery: {how}"),
    }
    for reason in &findings.reasons {
        say!("- {reason}");
    }
    say!("trace {:016x}", examination.trace.hash);
}

fn conclude(findings: &Findings) -> u8 {
    let code = findings.exit_code();
    say!("{}, exit code {code}", findings.class);
    code
}

#[allow(clippy::disallowed_methods)] // A capsule is on the real file system.
fn save(
    args: &ImportArgs,
    capsule: Result<ImageCapsule, SaysOtherwise>,
    is_encrypted: bool,
) -> Result<(), String> {
    let mut capsule = match capsule {
        Ok(capsule) => capsule,
        Err(SaysOtherwise { redacted }) => {
            say!(
                "no capsule: with its payloads redacted it would say something else ({}); --with-payloads makes one that has them",
                redacted.fingerprint()
            );
            return Ok(());
        }
    };
    let name = || Path::new(FAILURES_DIR).join(format!("{}.json", capsule.id));
    let path = args.output.clone().unwrap_or_else(name);
    capsule.command = format!("cargo sim replay {}", path.display());
    let written = replace(&path, capsule.print().as_bytes());
    written.map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    say!("capsule {}", path.display());
    match capsule.payloads {
        Payloads::Kept => say!("    with all payloads, as was asked for"),
        Payloads::Redacted => say!(
            "    payloads and names of holds are filler; the same was said of that. LSNs, lengths, types, tenants and shards are in it"
        ),
    }
    if is_encrypted {
        say!(
            "    what is sealed is in it as it is, and no key: to look at it again, give --key again"
        );
    }
    Ok(())
}

#[allow(clippy::disallowed_methods)] // A capsule is on the real file system.
fn read_capsule(path: &Path) -> Result<ImageCapsule, String> {
    let text = std::fs::read_to_string(path);
    let capsule = text.map_err(|error| error.to_string());
    let capsule = capsule.and_then(|text| ImageCapsule::parse(&text));
    capsule.map_err(|error| {
        format!(
            "{} is neither a log's directory nor a capsule of one: {error}",
            path.display()
        )
    })
}

/// The keys in these files; the first one writes.
fn read_keys(paths: &[PathBuf]) -> Result<Option<KeyRing>, String> {
    let mut keys: Option<KeyRing> = None;
    for path in paths {
        let key = WalEncryptionKey::from_file(path).map_err(|error| error.to_string())?;
        keys = Some(match keys {
            None => KeyRing::new(key),
            Some(ring) => ring.with_previous(key),
        });
    }
    Ok(keys)
}
