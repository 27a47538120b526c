//! Every row of every table, read beside the library, alike on both databases.

use std::collections::BTreeMap;

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use super::{Database, Engine};

/// One row, by column.
pub type Row = BTreeMap<String, Value>;
/// Rows by table and primary key.
pub type Rows = BTreeMap<(String, String), Row>;

/// All rows that there are.
pub async fn all(database: &Database) -> Rows {
    let raw = match database.engine {
        Engine::Sqlite => sqlite(&database.url).await,
        Engine::Postgres => postgres(&database.url).await,
    };
    let mut rows = Rows::new();
    for (table, keys, row) in raw.expect("the tables can be read") {
        let row: Row = serde_json::from_str(&row).expect("a row as JSON");
        let row: Row = row.into_iter().map(|(name, value)| (name.clone(), alike(&table, &name, value))).collect();
        let key: Vec<String> = keys.iter().map(|key| text(&row[key])).collect();
        rows.insert((table, key.join("/")), row);
    }
    rows
}

/// What waits in the jobs table.
pub async fn queued_jobs(database: &Database) -> Vec<String> {
    let rows = all(database).await;
    let jobs = rows.into_iter().filter(|((table, _), row)| table == "jobs" && row["state"] == "queued");
    jobs.map(|(_, row)| format!("{} from {}", text(&row["kind"]), text(&row["source"]))).collect()
}

/// A value as plain text.
pub fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

type Raw = Vec<(String, Vec<String>, String)>;

async fn sqlite(url: &str) -> sqlx::Result<Raw> {
    let mut connection = SqliteConnection::connect(url).await?;
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '%sqlx%' AND name <> 'sqlite_sequence' ORDER BY name";
    let mut raw = Raw::new();
    for table in sqlx::query_scalar::<_, String>(tables).fetch_all(&mut connection).await? {
        let columns: Vec<(String, i64)> = sqlx::query_as("SELECT name, pk FROM pragma_table_info($1)")
            .bind(&table)
            .fetch_all(&mut connection)
            .await?;
        let readable = columns.iter().map(|(name, _)| {
            format!("'{name}', CASE typeof({name}) WHEN 'blob' THEN lower(hex({name})) ELSE {name} END")
        });
        let select = format!("SELECT json_object({}) FROM {table}", readable.collect::<Vec<_>>().join(", "));
        let keys: Vec<String> = columns.iter().filter(|(_, key)| *key > 0).map(|(name, _)| name.clone()).collect();
        let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(select)).fetch_all(&mut connection).await?;
        raw.extend(rows.into_iter().map(|row| (table.clone(), keys.clone(), row)));
    }
    connection.close().await?;
    Ok(raw)
}

async fn postgres(url: &str) -> sqlx::Result<Raw> {
    let mut connection = PgConnection::connect(url).await?;
    let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE '%sqlx%'";
    let keys = "SELECT a.attname::text FROM pg_index i JOIN pg_attribute a \
        ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) \
        WHERE i.indrelid = $1::regclass AND i.indisprimary ORDER BY a.attnum";
    let mut raw = Raw::new();
    for table in sqlx::query_scalar::<_, String>(tables).fetch_all(&mut connection).await? {
        let keys: Vec<String> = sqlx::query_scalar(keys).bind(&table).fetch_all(&mut connection).await?;
        let select = format!("SELECT row_to_json(t)::text FROM {table} t");
        let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(select)).fetch_all(&mut connection).await?;
        raw.extend(rows.into_iter().map(|row| (table.clone(), keys.clone(), row)));
    }
    connection.close().await?;
    Ok(raw)
}

/// Columns that hold JSON.
const JSON: [&str; 10] =
    ["after", "before", "body", "existing", "expected", "flapping", "headers", "observed", "params", "result"];

/// What the two databases write differently: bytes, JSON and truth.
fn alike(table: &str, column: &str, value: Value) -> Value {
    let is_bytes = column == "body" && matches!(table, "outbox" | "dead_letters");
    match (column, value) {
        ("enabled", Value::Number(number)) => Value::Bool(number.as_i64() == Some(1)),
        (_, Value::String(hex)) if is_bytes => {
            let bytes = bytes(hex.trim_start_matches("\\x"));
            serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into_owned().into())
        }
        ("objects" | "tags", value) if matches!(table, "expectations" | "tenants") => said_by(&value),
        ("request_ids", value) if !value.is_null() => asked(&value),
        (column, Value::String(json)) if JSON.contains(&column) => {
            serde_json::from_str(&json).unwrap_or(Value::String(json))
        }
        (_, value) => value,
    }
}

/// Who was asked, once for each request.
fn asked(value: &Value) -> Value {
    let value = parsed(value);
    let services: Vec<String> = value.as_array().expect("a list").iter().map(|it| text(&it["service"])).collect();
    services.join(", ").into()
}

fn parsed(value: &Value) -> Value {
    value.as_str().map_or_else(|| value.clone(), |json| serde_json::from_str(json).expect("JSON"))
}

/// Who said what of which object; a list as its parts.
fn said_by(value: &Value) -> Value {
    let value = parsed(value);
    let said = |(id, it): (&String, &Value)| format!("{id} {} by {}", text(&it["source"]), text(&it["author"]));
    let parts: Vec<String> = match &value {
        Value::Object(objects) => objects.iter().map(said).collect(),
        Value::Array(items) => items.iter().map(text).collect(),
        other => vec![text(other)],
    };
    parts.join(", ").into()
}

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = (0..hex.len() / 2).map(|at| &hex[2 * at..2 * at + 2]);
    pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}

/// Changes the database beside the library.
pub async fn execute(database: &Database, statement: String) {
    let statement = sqlx::raw_sql(AssertSqlSafe(statement));
    let done = match database.engine {
        Engine::Sqlite => {
            let mut connection = SqliteConnection::connect(&database.url).await.expect("the database");
            statement.execute(&mut connection).await.map(drop)
        }
        Engine::Postgres => {
            let mut connection = PgConnection::connect(&database.url).await.expect("the database");
            statement.execute(&mut connection).await.map(drop)
        }
    };
    done.expect("the statement works");
}
