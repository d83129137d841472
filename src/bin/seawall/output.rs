//! Standard output that may be a closed pipe, and progress on standard error.

use std::io::{BufWriter, StdoutLock, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use seawall::verify::Progress;

/// Between two lines of progress where there is no terminal.
const LINES_EVERY: Duration = Duration::from_secs(10);

/// Standard output. Once nobody reads it any more, it is closed, and that is no error: the exit
/// code still tells.
pub struct Output {
    into: BufWriter<StdoutLock<'static>>,
    is_closed: bool,
}

impl Output {
    /// Standard output.
    pub fn new() -> Output {
        Output {
            into: BufWriter::new(std::io::stdout().lock()),
            is_closed: false,
        }
    }

    /// Whether nobody reads it any more.
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Writes a line.
    ///
    /// # Errors
    /// When it can't be written, for another reason than that nobody reads it.
    pub fn line(&mut self, line: &str) -> std::io::Result<()> {
        let written = writeln!(self.into, "{line}");
        self.unless_closed(written)
    }

    /// Writes out what was gathered.
    ///
    /// # Errors
    /// As [`Output::line`].
    pub fn flush(&mut self) -> std::io::Result<()> {
        let flushed = self.into.flush();
        self.unless_closed(flushed)
    }

    fn unless_closed(&mut self, result: std::io::Result<()>) -> std::io::Result<()> {
        match result {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                self.is_closed = true;
                Ok(())
            }
            result => result,
        }
    }
}

/// Progress on standard error: a bar on a terminal, now and then a line elsewhere.
pub struct Watch {
    bar: ProgressBar,
    what: &'static str,
    next_line: Duration,
}

impl Watch {
    /// Progress of what is called so.
    pub fn new(what: &'static str) -> Watch {
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template(
            "{prefix} {bar:40} {binary_bytes} of {binary_total_bytes}, {eta} left",
        );
        bar.set_style(style.expect("the template is a constant"));
        bar.set_prefix(what);
        Watch {
            bar,
            what,
            next_line: LINES_EVERY,
        }
    }

    /// Shows how far it is.
    pub fn show(&mut self, progress: Progress) {
        self.bar.set_length(progress.total_bytes);
        self.bar.set_position(progress.done_bytes);
        if self.bar.is_hidden() && self.bar.elapsed() >= self.next_line {
            self.next_line = self.bar.elapsed() + LINES_EVERY;
            eprintln!(
                "{}: {} of {} bytes",
                self.what, progress.done_bytes, progress.total_bytes
            );
        }
    }

    /// Takes the bar away.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}
