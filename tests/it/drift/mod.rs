//! What drift detection claims: it tells every change, and nothing that is none.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "these are tests; the lint only sees the functions marked so"
)]

mod change;
mod histories;
mod truth;
mod weather;

/// A number that whoever runs the tests may set.
fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name)
        .ok()
        .map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// What the tests of this run are drawn from: another each time, or the one that is set to repeat a run.
fn seed() -> u64 {
    setting("TENANTD_TEST_SEED", rand::random::<u32>().into())
}
