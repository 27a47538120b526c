//! How fast records are read at the size of a large operator: `/metrics` at 1,000 and 10,000 tenants, and every list and
//! query with 90 days of history behind it, on both databases. `benches/reading/run` starts a PostgreSQL and prints the
//! times; `benches/README.md` keeps some.
#![expect(clippy::print_stdout, reason = "the figures are its result")]

mod cells;
mod over_http;
mod queries;
mod records;

use std::path::Path;
use std::time::{Duration, Instant};

use cells::Pool;
use tenantd::store::Store;

/// The one that the daemon has.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What may go wrong is told to whoever runs it.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// How often each thing is measured: p99 is the slowest.
pub const RUNS: usize = 40;

/// How often a scrape is, whose goal is about p99: two of so many are slower.
pub const SCRAPES: usize = 200;

/// How long something takes.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    first: Duration,
    median: Duration,
    p99: Duration,
}

/// Runs something so often and tells how long it took; the first time is told apart.
pub async fn measure<T>(runs: usize, mut run: impl AsyncFnMut() -> Outcome<T>) -> Outcome<Times> {
    let mut times = Vec::with_capacity(runs + 1);
    for _ in 0..=runs {
        let began = Instant::now();
        run().await?;
        times.push(began.elapsed());
        // What takes seconds is known well enough after a few.
        if times.iter().sum::<Duration>() > Duration::from_mins(2) && times.len() > 4 {
            break;
        }
    }
    let first = times.remove(0);
    times.sort();
    Ok(Times { first, median: times[times.len() / 2], p99: times[(times.len() * 99).div_ceil(100) - 1] })
}

/// `12.3 ms`.
fn written(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1_000.0)
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let Ok(server) = std::env::var("TENANTD_BENCH_POSTGRES_URL") else {
        println!("reading: see benches/reading/run");
        return Ok(());
    };
    let sizes = std::env::var("TENANTD_BENCH_TENANTS").unwrap_or_else(|_| "1000,10000".to_owned());
    let sizes = sizes.split(',').map(str::parse).collect::<Result<Vec<usize>, _>>()?;
    let (temporary, kept) = (tempfile::tempdir()?, std::env::var("TENANTD_BENCH_FOLDER").ok());
    let folder = kept.as_deref().map_or(temporary.path(), Path::new);
    for tenants in &sizes {
        let sqlite = format!("sqlite://{}/{tenants}.db", folder.display());
        let mut tables = Vec::new();
        for url in [sqlite, database(&server, *tenants).await?] {
            tables.push(read_all(&url, *tenants, Some(tenants) == sizes.last()).await?);
        }
        println!(
            "\n| ms, {tenants} tenants | SQLite first | median | p99 | PostgreSQL first | median | p99 |\n|---|---|---|---|---|---|---|"
        );
        for ((name, sqlite), (_, postgres)) in tables[0].iter().zip(&tables[1]) {
            let cells =
                [sqlite.first, sqlite.median, sqlite.p99, postgres.first, postgres.median, postgres.p99].map(written);
            println!("| {name} | {} |", cells.join(" | "));
        }
    }
    println!("\npeak RSS of this process: {} MiB", memory("VmHWM")? / 1024);
    Ok(())
}

/// A database of its own on the server.
async fn database(server: &str, tenants: usize) -> Outcome<String> {
    let name = format!("tenantd_reading_{tenants}");
    let pool = Pool::open(server).await?;
    if std::env::var_os("TENANTD_BENCH_FOLDER").is_none() {
        pool.execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await?;
    }
    // There already, when databases are kept.
    let _ = pool.execute(&format!("CREATE DATABASE {name}")).await;
    let mut url = url::Url::parse(server)?;
    url.set_path(&name);
    Ok(url.to_string())
}

async fn read_all(url: &str, tenants: usize, whole: bool) -> Outcome<Vec<(String, Times)>> {
    let began = Instant::now();
    let store = Store::open(url, 4).await?;
    store.migrate().await?;
    if store.schedules().await?.is_empty() {
        records::fill(&Pool::open(url).await?, tenants).await?;
    }
    println!("{}: {tenants} tenants with 90 days of history, made in {:.0?}", store.engine(), began.elapsed());
    let only = std::env::var("TENANTD_BENCH_ONLY").unwrap_or_default();
    let mut tables = over_http::scrapes(&store, tenants, &only).await?;
    if whole {
        tables.extend(queries::all(&store, tenants, &only).await?);
        tables.extend(over_http::lists(&store, tenants, &only).await?);
    }
    store.close().await;
    Ok(tables)
}

/// A figure of this process, in KiB.
pub fn memory(what: &str) -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(what)).ok_or("no such line")?;
    Ok(line.trim_matches([':', ' ', '\t']).trim_end_matches(" kB").trim().parse()?)
}
