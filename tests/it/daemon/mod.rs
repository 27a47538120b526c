//! The real binary as its user has it: a process with a configuration file, a broker, and a simulated cloud.

mod messages;
mod rig;
mod traces;
