//! All tests of the batch but those that need a binary of their own: one to compile and to link, and both cores are busy
//! until the last test ends. `cargo test -p offline --test main gate::` runs those of one file.

#[path = "../../shared/tests/support/redis_cluster.rs"]
mod redis_cluster;
#[path = "../../shared/tests/support/redis_server.rs"]
mod redis_server;
mod support;

mod artifact;
mod bulk;
mod challenge;
mod checkerboard;
mod compare;
mod compose;
mod coverage;
mod datasets;
mod environment;
mod erase;
mod far_ahead;
mod fuzz;
mod gate;
mod held_out;
mod ingest;
mod items;
mod kinds;
mod learning;
mod leave_last_out;
mod lock;
mod looks_like;
mod messages;
mod mlflow;
mod night;
mod operating;
mod outcomes;
mod panel;
mod parquet;
mod profiles;
mod promotion;
mod publish;
mod remember;
mod remember_replicas;
mod report;
mod rows;
mod runs;
mod s3;
mod schedule;
mod schemas;
mod score;
mod score_inputs;
mod score_report;
mod secrets;
mod serving;
mod stepping_back;
mod tune;
mod versions;
mod wild;
