//! What tests stand on: a database of their own, simulated clouds, and the parts of the daemon put together.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "these are tests; the lint only sees the functions marked so"
)]

pub mod app;
pub mod changes;
pub mod cloud;
pub mod database;
pub mod made;
pub mod proxy;
pub mod rows;

pub use app::{Setup, TestApp, parts};
pub use cloud::Login;
pub use database::{Database, Engine};

use std::time::Duration;

/// The address of a port that is free, below those that the kernel gives away while another process is about to take it.
pub fn free_address() -> String {
    loop {
        let port = 20_000 + uuid::Uuid::new_v4().as_u128() % 12_000;
        let address = format!("127.0.0.1:{port}");
        if std::net::TcpListener::bind(&address).is_ok() {
            return address;
        }
    }
}

/// Waits until `ready` answers, for where another process is the counterpart; fails loudly after a while.
pub async fn eventually<T, F, Fut>(what: &str, mut ready: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let waiting = async {
        loop {
            if let Some(answer) = ready().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), waiting).await;
    waited.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

/// Makes each test twice, in the modules `sqlite` and `postgres`.
macro_rules! on_both_databases {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $test() {
                $crate::support::database::with($crate::support::Engine::Sqlite, super::$test).await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $test() {
                $crate::support::database::with($crate::support::Engine::Postgres, super::$test).await;
            })+
        }
    };
}
pub(crate) use on_both_databases;
