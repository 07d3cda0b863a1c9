//! The door of the service: who is let in while there is more to do than the cores can.
//!
//! In: the class of a request and when it came. Out: a [`Pass`] for as long as it is being answered, or [`Refused`].
//! A request that costs much (recommendations, predictions) first stands in line: it gives way once to everything else
//! that is ready, so that requests behind it are read, and cheap ones answered, before its own work begins. How long
//! that takes is how long whatever is ready waits for a core, on 2 cores as on 64, and whatever the time goes into.
//!
//! A request that would wait too long is refused as it comes, which costs no more than `/health`: what stands in line
//! times the pace at which the line moves is how long it would wait. One that waited too long all the same is refused
//! then, unless the line moves: a late answer would be of no use, and the next in line is still in time. A line of a
//! moment refuses nobody.
//! Costs a pass through the scheduler's queue, about a microsecond.
//!
//! Source: Little, "A Proof for the Queuing Formula L = λW", 1961; Nichols and Jacobson, "Controlling Queue Delay", ACM
//! Queue 2012 (the time in the queue is the measure, not its length); Maurer, "Fail at Scale", ACM Queue 2015 (a bound
//! for the time in a server's queue).

mod pace;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use self::pace::Pace;

/// How many requests may stand in line for each core before any is refused: so few are answered sooner than a machine's
/// hiccup is over, which alone must not refuse them.
const SHORT_LINE_PER_CORE: usize = 4;

/// What a request costs, and what depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Supervisors and balancers ask; it is answered in any case.
    Probe,
    /// Events, rows or an erasure are taken in: cheap, and nobody has them but the client. They have a queue of their own.
    Intake,
    /// A change of an item is taken in: it stays inside until a snapshot has it, and must not keep events out meanwhile.
    Change,
    /// Anything else; most of it is work for the engine or for a model.
    Work,
}

/// Why a request is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Too many of its class are being answered.
    Crowded,
    /// It would have stood in line for too long, or did.
    Waited,
}

impl Refused {
    /// The reason as a metric label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Crowded => "in_flight",
            Self::Waited => "wait",
        }
    }
}

/// The door, with the counts of those inside.
#[derive(Debug)]
pub struct Admission {
    /// How many of each class but [`Class::Probe`] may be inside.
    most: usize,
    /// How long a request may stand in line.
    longest_wait: Duration,
    /// How many may stand in line however long they wait.
    short_line: usize,
    probes: AtomicUsize,
    intake: AtomicUsize,
    changes: AtomicUsize,
    work: AtomicUsize,
    line: AtomicUsize,
    pace: Pace,
}

/// A request that is inside; it leaves when this is dropped.
#[derive(Debug)]
pub struct Pass<'a>(&'a AtomicUsize);

impl<'a> Pass<'a> {
    fn of(count: &'a AtomicUsize) -> (Self, usize) {
        let others = count.fetch_add(1, Ordering::Relaxed);
        (Self(count), others)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Admission {
    /// A door with nobody inside.
    ///
    /// * `most`: how many of a class may be inside.
    /// * `longest_wait`: how long a request may stand in line.
    #[must_use]
    pub fn new(most: usize, longest_wait: Duration) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let [probes, intake, changes, work, line] = std::array::from_fn(|_| AtomicUsize::new(0));
        let short_line = SHORT_LINE_PER_CORE * cores;
        Self { most, longest_wait, short_line, probes, intake, changes, work, line, pace: Pace::default() }
    }

    /// Lets a request in that arrived at `arrived`.
    ///
    /// # Errors
    /// [`Refused`] says why not.
    pub async fn enter(&self, class: Class, arrived: Instant) -> Result<Pass<'_>, Refused> {
        let ((pass, others), most) = match class {
            Class::Probe => (Pass::of(&self.probes), usize::MAX),
            Class::Intake => (Pass::of(&self.intake), self.most),
            Class::Change => (Pass::of(&self.changes), self.most),
            Class::Work => (Pass::of(&self.work), self.most),
        };
        if others >= most {
            return Err(Refused::Crowded);
        }
        if class == Class::Work {
            self.stand_in_line(arrived).await?;
        }
        Ok(pass)
    }

    async fn stand_in_line(&self, arrived: Instant) -> Result<(), Refused> {
        let (place, ahead) = Pass::of(&self.line);
        if ahead >= self.short_line && self.pace.time_of(ahead) > self.longest_wait {
            return Err(Refused::Waited);
        }
        tokio::task::yield_now().await;
        let waiting = self.line.load(Ordering::Relaxed);
        drop(place);
        let now = Instant::now();
        self.pace.step(now, waiting - 1);
        // After a hiccup of the machine everyone waited too long, and the line is gone in a moment all the same.
        let moves = waiting <= self.short_line || self.pace.time_of(waiting) < self.longest_wait / 2;
        if !moves && now.saturating_duration_since(arrived) > self.longest_wait {
            return Err(Refused::Waited);
        }
        Ok(())
    }

    /// How many requests are inside.
    #[must_use]
    pub fn inside(&self) -> usize {
        [&self.probes, &self.intake, &self.changes, &self.work].map(|count| count.load(Ordering::Relaxed)).iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG_AGO: Duration = Duration::from_secs(1);

    fn gate(most: usize, short_line: usize) -> Admission {
        Admission { short_line, ..Admission::new(most, Duration::from_millis(10)) }
    }

    #[tokio::test]
    async fn each_class_has_its_own_bound_and_probes_have_none() {
        let (gate, now) = (gate(1, 9), Instant::now());
        let work = gate.enter(Class::Work, now).await.expect("the first");
        assert_eq!(gate.enter(Class::Work, now).await.err(), Some(Refused::Crowded));
        let _intake = gate.enter(Class::Intake, now).await.expect("the first of its class");
        assert_eq!(gate.enter(Class::Intake, now).await.err(), Some(Refused::Crowded));
        let _change = gate.enter(Class::Change, now).await.expect("the first of its class");
        assert_eq!(gate.enter(Class::Change, now).await.err(), Some(Refused::Crowded));
        let _probes = [gate.enter(Class::Probe, now).await, gate.enter(Class::Probe, now).await].map(Result::unwrap);
        assert_eq!(gate.inside(), 5);
        drop(work);
        assert!(gate.enter(Class::Work, now).await.is_ok());
    }

    #[tokio::test]
    async fn who_waited_too_long_is_refused_while_the_line_is_long_and_slow() {
        let (fast, slow) = (gate(100, 3), gate(100, 3));
        let (now, late) = (Instant::now(), Instant::now() - LONG_AGO);
        let step = Duration::from_micros(1500);
        slow.pace.step(now, 9);
        slow.pace.step(now + step, 9);
        let refused = async |gate: &Admission, arrived| {
            let enter = async || usize::from(gate.enter(Class::Work, arrived).await.err() == Some(Refused::Waited));
            let (a, b, c, d, e) = tokio::join!(enter(), enter(), enter(), enter(), enter());
            a + b + c + d + e
        };
        // All of them stand in line before the first goes in, so that 5, 4, 3, 2 and 1 are there as each does.
        assert_eq!((refused(&slow, late).await, refused(&slow, now).await, refused(&fast, late).await), (2, 0, 0));
        assert_eq!((slow.inside(), slow.line.load(Ordering::Relaxed)), (0, 0));
    }

    #[tokio::test]
    async fn who_would_wait_too_long_is_refused_as_it_comes() {
        let (gate, now) = (gate(100, 3), Instant::now());
        gate.pace.step(now, 9);
        gate.pace.step(now + LONG_AGO, 9);
        let order = std::sync::Mutex::new(Vec::new());
        let enter = async || {
            let entered = gate.enter(Class::Work, now).await.map(drop);
            order.lock().expect("no panic").push(entered);
        };
        tokio::join!(enter(), enter(), enter(), enter());
        // The fourth, whoever that is, does not wait for the three before it.
        let order = order.into_inner().expect("no panic");
        assert_eq!(order, [Err(Refused::Waited), Ok(()), Ok(()), Ok(())]);
    }

    #[tokio::test]
    async fn what_is_ready_goes_before_work() {
        let (gate, now) = (gate(10, 10), Instant::now());
        let order = std::sync::Mutex::new(Vec::new());
        let enter = async |class| {
            let _pass = gate.enter(class, now).await.expect("let in");
            order.lock().expect("no panic").push(class);
        };
        tokio::join!(enter(Class::Work), enter(Class::Intake), enter(Class::Probe));
        assert_eq!(*order.lock().expect("no panic"), [Class::Intake, Class::Probe, Class::Work]);
    }
}
