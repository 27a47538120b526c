//! How far a long command is: one line at the bottom of a person's terminal, which is gone when the command has ended.
//! Where stderr is no terminal, or results are for a program, there is nothing of it.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::Format;
use crate::clock::Clock;

/// How often what is drawn is brought up to date.
const EACH: Duration = Duration::from_millis(200);
/// Takes away what is drawn in the line where the cursor stands.
const CLEAR_LINE: &[u8] = b"\r\x1b[2K";

/// One line that says how far something is.
#[derive(Debug)]
pub(super) struct Bar {
    drawn: ProgressBar,
}

impl Bar {
    /// A line on stderr, where a person may see it.
    pub fn new(format: Format) -> Self {
        let is_seen = format == Format::Table && io::stderr().is_terminal();
        let target = if is_seen { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { drawn: ProgressBar::with_draw_target(None, target) }
    }

    /// Whether nobody sees it.
    pub fn is_hidden(&self) -> bool {
        self.drawn.is_hidden()
    }

    /// So many of so many things are over; nothing is drawn before there are any.
    pub fn tell(&self, (over, count): (u64, u64), things: &str) {
        if count == 0 {
            return;
        }
        self.style(&format!("[{{bar:30}}] {{pos}} of {{len}} {things} are over"));
        self.drawn.update(|state| {
            state.set_len(count);
            state.set_pos(over);
        });
    }

    /// Something goes on of which nobody can say how far it is.
    pub fn wait(&self, what: String) {
        self.style("{spinner} {msg}, {elapsed}");
        self.drawn.set_message(what);
        self.drawn.tick();
    }

    fn style(&self, template: &str) {
        // What was taken away comes again.
        if self.drawn.is_finished() {
            self.drawn.reset();
        }
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        self.drawn.set_style(style.progress_chars("=> ").tick_chars("-\\|/ "));
    }

    /// Takes it away, for what is printed next.
    pub fn clear(&self) {
        self.drawn.finish_and_clear();
    }

    /// Draws how far some work is until it has ended.
    pub async fn beside<T>(
        &self,
        clock: &dyn Clock,
        progress: impl Fn() -> (u64, u64),
        things: &str,
        work: impl Future<Output = T>,
    ) -> T {
        if self.is_hidden() {
            return work.await;
        }
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => {
                    self.clear();
                    return done;
                }
                () = clock.sleep(EACH) => self.tell(progress(), things),
            }
        }
    }
}

/// stderr, for lines that may come while a bar is drawn: on a terminal they take its place, and it comes again below.
#[derive(Debug)]
pub(super) struct AboveBar(io::Stderr);

impl AboveBar {
    pub fn new() -> Self {
        Self(io::stderr())
    }
}

impl Write for AboveBar {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.0.is_terminal() {
            self.0.write_all(CLEAR_LINE)?;
        }
        self.0.write_all(line)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
