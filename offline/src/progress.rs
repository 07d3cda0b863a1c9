//! Reports the progress of the batch: a bar on a terminal, plain lines otherwise, and a closing summary with the
//! seconds and the peak memory of every stage.

use std::fs;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};

/// The time between two lines of progress if no terminal shows a bar.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// One finished stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// The process's peak memory while the stage ran, in MiB; 0 if the system does not report it.
    pub peak_mib: u64,
}

/// Shows progress and remembers the stages.
#[derive(Default)]
pub struct Progress {
    prefix: String,
    stages: Vec<Stage>,
}

impl Progress {
    /// Runs a stage whose length is not known.
    pub fn stage<T>(&mut self, name: &str, work: impl FnOnce() -> T) -> T {
        let bar = ProgressBar::new_spinner();
        if std::io::stderr().is_terminal() {
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        self.run(name, &bar, work)
    }

    /// Runs a stage of `total` steps; the work is given a function to call with the number of steps done.
    pub fn counted<T>(&mut self, name: &str, total: u64, work: impl FnOnce(&(dyn Fn(u64) + Sync)) -> T) -> T {
        let bar = ProgressBar::new(total);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {bar:30} {pos}/{len} {per_sec} {eta}") {
            bar.set_style(style);
        }
        let plain = !std::io::stderr().is_terminal();
        // When the last line was printed, and of how many steps; the first call tells where a run that goes on began.
        let last_line: Mutex<Option<(Instant, u64)>> = Mutex::default();
        let label = format!("{}{name}", self.prefix);
        let done = |steps: u64| {
            bar.set_position(steps);
            let (true, Ok(mut last)) = (plain, last_line.lock()) else { return };
            let (at, before) = *last.get_or_insert_with(|| (Instant::now(), steps));
            let elapsed = at.elapsed();
            if elapsed >= LINE_EVERY {
                *last = Some((Instant::now(), steps));
                let rate = steps.saturating_sub(before) as f64 / elapsed.as_secs_f64();
                eprintln!("  {label}: {steps} of {total}, {rate:.0}/s");
            }
        };
        let shown = bar.clone();
        self.run(name, &shown, || work(&done))
    }

    fn run<T>(&mut self, name: &str, bar: &ProgressBar, work: impl FnOnce() -> T) -> T {
        let name = format!("{}{name}", self.prefix);
        bar.set_message(name.clone());
        reset_peak_memory();
        let start = Instant::now();
        let result = work();
        let seconds = start.elapsed().as_secs_f64();
        bar.finish_and_clear();
        let peak_mib = peak_memory_mib();
        if !std::io::stderr().is_terminal() {
            eprintln!("  {name}: {seconds:.2} s, {peak_mib} MiB");
        }
        self.stages.push(Stage { name, seconds, peak_mib });
        result
    }

    /// Runs several stages under a common prefix.
    pub fn group<T>(&mut self, prefix: &str, work: impl FnOnce(&mut Self) -> T) -> T {
        let inner = format!("{}{prefix}: ", self.prefix);
        let outer = std::mem::replace(&mut self.prefix, inner);
        let result = work(self);
        self.prefix = outer;
        result
    }

    /// The finished stages, in order.
    #[must_use]
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// The closing summary, one line per stage.
    #[must_use]
    pub fn summary(&self) -> String {
        let width = self.stages.iter().map(|stage| stage.name.len()).max().unwrap_or(0).max(5);
        let mut text = format!("{:width$}  seconds  peak MiB\n", "stage");
        for Stage { name, seconds, peak_mib } in &self.stages {
            text.push_str(&format!("{name:width$}  {seconds:7.2}  {peak_mib:8}\n"));
        }
        // Begins at 0: the sum of nothing is -0.
        let seconds = self.stages.iter().fold(0.0, |seconds, stage| seconds + stage.seconds);
        let peak = self.stages.iter().map(|stage| stage.peak_mib).max().unwrap_or(0);
        text.push_str(&format!("{:width$}  {seconds:7.2}  {peak:8}\n", "all"));
        text
    }
}

/// Resets the kernel's measure of peak memory; does nothing if the kernel does not support it.
fn reset_peak_memory() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// The process's peak memory in MiB since the last reset; 0 if the system does not report it.
fn peak_memory_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).map_or(0, |kib| kib / 1024)
}
