//! Records as the benchmark of reading makes them, for what depends on how many there are.

use sqlx::AssertSqlSafe;

use super::Database;

#[path = "../../../benches/reading/cells.rs"]
mod cells;
#[path = "../../../benches/reading/records.rs"]
mod records;

pub use cells::Pool;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Fills the records of a test with those of so many tenants.
pub async fn fill(database: &Database, tenants: usize) {
    let pool = Pool::open(&database.url).await.unwrap();
    records::fill(&pool, tenants).await.unwrap();
}

/// The lines of what a statement answers as text.
pub async fn lines(pool: &Pool, statement: String, column: usize) -> Vec<String> {
    use sqlx::Row;
    let statement = AssertSqlSafe(statement);
    match pool {
        Pool::Sqlite(pool) => {
            let rows = sqlx::raw_sql(statement).fetch_all(pool).await.unwrap();
            rows.iter().map(|row| row.get(column)).collect()
        }
        Pool::Postgres(pool) => {
            let rows = sqlx::raw_sql(statement).fetch_all(pool).await.unwrap();
            rows.iter().map(|row| row.get_unchecked(column)).collect()
        }
    }
}
