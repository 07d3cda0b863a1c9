//! What happened when.

use std::fmt::Display;
use std::time::Instant;

/// Prints what happened, with the seconds since the beginning, and since what was noted before.
pub struct Diary {
    begin: Instant,
    last: Instant,
}

impl Diary {
    pub fn begin() -> Self {
        let begin = Instant::now();
        Self { begin, last: begin }
    }

    pub fn notes(&mut self, what: impl Display) {
        let (all, own) = (self.begin.elapsed().as_secs_f64(), self.last.elapsed().as_secs_f64());
        println!("{all:7.1} s  {own:+7.1} s  {what}");
        self.last = Instant::now();
    }
}
