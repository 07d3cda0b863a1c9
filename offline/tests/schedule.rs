//! The scheduler as a process: jobs at their times, whoever is killed when, and what people are told.

pub mod receiver;
pub mod scheduler;

mod kills;
mod lease;
mod notices;
mod records;
mod running;
