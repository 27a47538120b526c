//! How work arrives: messages, ticks, and rows of the jobs table all become the same request for the same runner.
//!
//! Nothing here knows what a job does. What is waiting lies in the jobs table ([`table`]), so schedules and commands
//! need no broker, and a broker that is away stops nothing else.

pub mod acknowledgements;
pub mod amqp;
pub mod envelope;
mod freshness;
pub mod leader;
pub mod objective;
pub mod publisher;
pub mod schedule;
pub mod table;
pub mod ticks;
pub mod topology;
