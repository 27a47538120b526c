//! Comparing a whole cloud stays cheap: what did not change costs a look at an index, and no body is read in vain.

use insta::assert_snapshot;
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection};
use tenantd::store::sql;

use crate::support::{Database, Engine};

async fn plan(database: &Database, name: &str) -> String {
    let (_, statement) = sql::ALL.iter().find(|(known, _)| *known == name).unwrap();
    let mut connection = SqliteConnection::connect(&database.url).await.unwrap();
    let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
    let rows = sqlx::query(explain).fetch_all(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    rows.iter().map(|row| row.get::<String, _>("detail")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn snapshots_are_found_by_index_only() {
    crate::support::database::with(Engine::Sqlite, async |database: Database| {
        database.store().await.close().await;
        assert_snapshot!(plan(&database, "snapshot_pairs").await, @"
        MATERIALIZE spans
        CO-ROUTINE moved
        COMPOUND QUERY
        LEFT-MOST SUBQUERY
        SEARCH s USING COVERING INDEX snapshots_by_tenant (tenant=?)
        UNION ALL
        SEARCH s USING COVERING INDEX snapshots_listed (first_seen_at>? AND first_seen_at<?)
        USE TEMP B-TREE FOR GROUP BY
        SCAN m
        SEARCH t USING INDEX sqlite_autoindex_tenants_1 (uuid=?)
        CORRELATED SCALAR SUBQUERY 3
        SEARCH s USING COVERING INDEX snapshots_by_tenant (tenant=? AND resource_type=? AND first_seen_at<?)
        CORRELATED SCALAR SUBQUERY 4
        SEARCH s USING COVERING INDEX snapshots_by_tenant (tenant=? AND resource_type=? AND first_seen_at>?)
        CORRELATED SCALAR SUBQUERY 5
        SEARCH s USING COVERING INDEX snapshots_by_tenant (tenant=? AND resource_type=? AND first_seen_at<?)
        SCAN p
        SEARCH a USING INDEX sqlite_autoindex_snapshots_1 (id=?)
        SEARCH b USING INDEX sqlite_autoindex_snapshots_1 (id=?)
        SEARCH t USING INDEX sqlite_autoindex_tenants_1 (uuid=?)
        SEARCH w USING INDEX sqlite_autoindex_portal_1 (tenant=?) LEFT-JOIN
        ");
        assert_snapshot!(plan(&database, "snapshot_between.sqlite").await, @"
        SEARCH e USING INDEX sqlite_autoindex_snapshots_1 (id=?)
        LIST SUBQUERY 1
        SCAN json_each VIRTUAL TABLE INDEX 1:
        CREATE BLOOM FILTER
        SEARCH s USING INDEX snapshots_by_tenant (tenant=? AND resource_type=? AND first_seen_at>? AND first_seen_at<?)
        ");
    })
    .await;
}
