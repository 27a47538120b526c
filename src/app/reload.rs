//! Reading the configuration again while the daemon runs.
