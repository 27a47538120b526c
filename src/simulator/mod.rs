//! A simulated OpenStack cloud over HTTP.
