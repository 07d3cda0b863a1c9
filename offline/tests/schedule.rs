//! The scheduler as a process: jobs at their times, whoever is killed when, and what people are told.

mod receiver;
mod scheduler;

mod kills;
mod lease;
mod notices;
mod records;
mod running;
