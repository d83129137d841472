//! The words of a scenario: what a client does, and how a life ends. Each prints as a short
//! phrase and parses from it.

use std::fmt;
use std::str::FromStr;

/// What a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Append a record with a payload of so many bytes.
    Append(u32),
    /// Append a record with a payload of so many bytes that looks like a log.
    Decoy(u32),
    /// Append a record and wait until it is durable.
    Durable(u32),
    /// Append so many records, each with a payload of so many bytes, as one atomic batch.
    Batch {
        /// How many records.
        count: u32,
        /// The length of each one's payload.
        len: u32,
    },
    /// Sync everything.
    Sync,
    /// Prepare so many KiB ahead of the log's end.
    Prepare(u32),
    /// Wait until the client's own last record is durable.
    Wait,
    /// Read everything.
    Replay,
    /// Read from an LSN: so many eighths of the way from the low-water mark to the end.
    ReplayFrom(u32),
    /// Make a reader of everything, and keep it in place of the one before.
    Stream,
    /// Make a reader from an LSN, so many eighths of the way from the low-water mark to the end,
    /// and keep it in place of the one before.
    StreamFrom(u32),
    /// Read up to so many records from the reader that is kept, if there is one.
    Read(u32),
    /// Follow the log from an LSN, so many eighths of the way from the low-water mark to the end,
    /// until nobody is left who appends.
    Follow(u32),
    /// Set the client's own hold to an LSN, so many eighths of the way from the low-water mark to
    /// the end.
    Hold(u32),
    /// Release the client's own hold.
    Release,
    /// Truncate before an LSN: so many eighths of the way from the low-water mark to the end.
    Truncate(u32),
    /// Ask to truncate what is not durable yet, which must be refused.
    TruncateTooFar,
    /// Ask to read what was truncated, which must be refused.
    ReadTooEarly,
    /// Stop all tails that other clients follow just now.
    Stop,
    /// Let the disk find no space for the next so many writes, every second one after a part of it
    /// was done. Then there is space again.
    NoSpace(u32),
    /// Fill the disk: it has room for so many more blocks of 4096 bytes.
    FillUp(u32),
    /// Give the disk the room that it had.
    MakeRoom,
    /// Try to open the log a second time, which must be refused.
    SecondOpen,
    /// Look at segments, sizes and LSNs.
    Look,
    /// Encrypt later records with the key of this number.
    Rotate(u32),
    /// Encrypt anew what is not under the current key.
    Reencrypt,
    /// Let all keys go that nothing needs any more.
    Retire,
    /// Close the log, whoever else is at work.
    Close,
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Op::Append(len) => write!(f, "append {len}"),
            Op::Decoy(len) => write!(f, "decoy {len}"),
            Op::Durable(len) => write!(f, "durable {len}"),
            Op::Batch { count, len } => write!(f, "batch {count} {len}"),
            Op::Sync => f.write_str("sync"),
            Op::Prepare(kib) => write!(f, "prepare {kib}"),
            Op::Wait => f.write_str("wait"),
            Op::Replay => f.write_str("replay"),
            Op::ReplayFrom(eighths) => write!(f, "replay-from {eighths}"),
            Op::Stream => f.write_str("stream"),
            Op::StreamFrom(eighths) => write!(f, "stream-from {eighths}"),
            Op::Read(count) => write!(f, "read {count}"),
            Op::Follow(eighths) => write!(f, "follow {eighths}"),
            Op::Hold(eighths) => write!(f, "hold {eighths}"),
            Op::Release => f.write_str("release"),
            Op::Truncate(eighths) => write!(f, "truncate {eighths}"),
            Op::TruncateTooFar => f.write_str("truncate-too-far"),
            Op::ReadTooEarly => f.write_str("read-too-early"),
            Op::Stop => f.write_str("stop"),
            Op::NoSpace(calls) => write!(f, "no-space {calls}"),
            Op::FillUp(blocks) => write!(f, "fill-up {blocks}"),
            Op::MakeRoom => f.write_str("make-room"),
            Op::SecondOpen => f.write_str("second-open"),
            Op::Look => f.write_str("look"),
            Op::Rotate(key) => write!(f, "rotate {key}"),
            Op::Reencrypt => f.write_str("reencrypt"),
            Op::Retire => f.write_str("retire"),
            Op::Close => f.write_str("close"),
        }
    }
}

impl FromStr for Op {
    type Err = String;

    fn from_str(text: &str) -> Result<Op, String> {
        let wrong = || format!("`{text}` is not an operation like `append 40` or `sync`");
        let mut words = text.split(' ');
        let verb = words.next().unwrap_or_default();
        let numbers: Result<Vec<u32>, String> = words
            .map(|word| word.parse().map_err(|_| wrong()))
            .collect();
        Ok(match (verb, numbers?.as_slice()) {
            ("append", &[len]) => Op::Append(len),
            ("decoy", &[len]) => Op::Decoy(len),
            ("durable", &[len]) => Op::Durable(len),
            ("batch", &[count, len]) if count > 0 => Op::Batch { count, len },
            ("sync", []) => Op::Sync,
            ("prepare", &[kib]) => Op::Prepare(kib),
            ("wait", []) => Op::Wait,
            ("replay", []) => Op::Replay,
            ("replay-from", &[eighths @ 0..=8]) => Op::ReplayFrom(eighths),
            ("stream", []) => Op::Stream,
            ("stream-from", &[eighths @ 0..=8]) => Op::StreamFrom(eighths),
            ("read", &[count]) => Op::Read(count),
            ("follow", &[eighths @ 0..=8]) => Op::Follow(eighths),
            ("hold", &[eighths @ 0..=8]) => Op::Hold(eighths),
            ("release", []) => Op::Release,
            ("truncate", &[eighths @ 0..=8]) => Op::Truncate(eighths),
            ("truncate-too-far", []) => Op::TruncateTooFar,
            ("read-too-early", []) => Op::ReadTooEarly,
            ("stop", []) => Op::Stop,
            ("no-space", &[calls]) => Op::NoSpace(calls),
            ("fill-up", &[blocks]) => Op::FillUp(blocks),
            ("make-room", []) => Op::MakeRoom,
            ("second-open", []) => Op::SecondOpen,
            ("look", []) => Op::Look,
            ("rotate", &[key]) => Op::Rotate(key),
            ("reencrypt", []) => Op::Reencrypt,
            ("retire", []) => Op::Retire,
            ("close", []) => Op::Close,
            _ => return Err(wrong()),
        })
    }
}

/// How a life ends, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// In which way.
    pub how: How,
    /// At which call to the disk; after the clients' last operation where it is `None`, or where
    /// the life makes fewer calls.
    pub at: Option<CrashPoint>,
}

/// The ways in which a life ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The log is closed; then the power is cut all the same.
    Close,
    /// The process is killed: what was written stays, synced or not.
    Kill,
    /// The power is cut: what was not synced may be lost.
    PowerCut,
}

/// A place in a life, counted in calls to the disk from the open on; the first is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrashPoint {
    /// Which calls are counted.
    pub counted: Counted,
    /// The number of the call among them.
    pub number: u32,
    /// Before it, within it or after it.
    pub phase: Phase,
}

/// Which calls a crash point counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// All of them.
    Calls,
    /// Those that change the disk or sync it: between two of them all crashes look the same to
    /// the disk, so this is where to look for bugs.
    Changes,
}

/// Where in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Before it had any effect.
    Before,
    /// When it was partly done.
    Within,
    /// When it was done, but before its caller heard of it.
    After,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.how {
            How::Close => "close",
            How::Kill => "kill",
            How::PowerCut => "power-cut",
        })?;
        let Some(at) = self.at else {
            return Ok(());
        };
        let phase = match at.phase {
            Phase::Before => "before",
            Phase::Within => "within",
            Phase::After => "after",
        };
        let counted = match at.counted {
            Counted::Calls => "call",
            Counted::Changes => "change",
        };
        write!(f, " {phase} {counted} {}", at.number)
    }
}

impl FromStr for End {
    type Err = String;

    fn from_str(text: &str) -> Result<End, String> {
        let wrong = || format!("`{text}` is not an end like `close` or `power-cut after call 17`");
        let words: Vec<&str> = text.split(' ').collect();
        let (how, at) = match words[..] {
            [how] => (how, None),
            [how, phase, counted, number] => {
                let counted = match counted {
                    "call" => Counted::Calls,
                    "change" => Counted::Changes,
                    _ => return Err(wrong()),
                };
                let phase = match phase {
                    "before" => Phase::Before,
                    "within" => Phase::Within,
                    "after" => Phase::After,
                    _ => return Err(wrong()),
                };
                let number = number.parse().map_err(|_| wrong())?;
                let at = CrashPoint {
                    counted,
                    number,
                    phase,
                };
                (how, Some(at))
            }
            _ => return Err(wrong()),
        };
        let how = match how {
            "close" if at.is_none() => How::Close,
            "kill" => How::Kill,
            "power-cut" => How::PowerCut,
            _ => return Err(wrong()),
        };
        Ok(End { how, at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survives<T: FromStr<Err = String> + fmt::Display>(text: &str) {
        let parsed = text.parse::<T>();
        assert_eq!(parsed.map(|value| value.to_string()), Ok(text.to_string()));
    }

    #[test]
    fn operations_survive_print_and_parse() {
        for text in [
            "append 0",
            "durable 70",
            "sync",
            "prepare 9",
            "wait",
            "replay",
            "replay-from 8",
            "batch 3 70",
            "follow 0",
            "hold 8",
            "release",
            "rotate 2",
            "reencrypt",
            "retire",
        ] {
            survives::<Op>(text);
        }
        for text in [
            "truncate 3",
            "truncate-too-far",
            "read-too-early",
            "second-open",
            "look",
            "close",
            "stream",
            "stream-from 8",
            "read 3",
            "decoy 948",
            "stop",
            "no-space 2",
            "fill-up 0",
            "make-room",
        ] {
            survives::<Op>(text);
        }
        for text in [
            "",
            "append",
            "append x",
            "sync 1",
            "truncate 9",
            "append 1 2",
            "batch 3",
            "batch 0 3",
            "hold 9",
        ] {
            assert!(text.parse::<Op>().is_err(), "{text}");
        }
    }

    #[test]
    fn ends_survive_print_and_parse() {
        for text in [
            "close",
            "kill",
            "power-cut",
            "kill before call 3",
            "power-cut within change 9",
        ] {
            survives::<End>(text);
        }
        for text in [
            "",
            "close after call 3",
            "kill after call",
            "kill 3",
            "fire",
        ] {
            assert!(text.parse::<End>().is_err(), "{text}");
        }
    }
}
