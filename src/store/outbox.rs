//! What is still to be published: committed with what it tells of, sent when the broker is there.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Store, StoreError, Tx, read, sql, write};

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    exchange: String,
    routing_key: String,
    content_type: String,
    headers: Json<Value>,
    body: Vec<u8>,
    created_at: DateTime<Utc>,
}

/// The key in a message's headers under which stand properties of the message itself: `correlation_id` and
/// `content_encoding`. It is no header.
pub const PROPERTIES: &str = "$properties";

/// A message to publish.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// The message's id: published again after a crash, it keeps it.
    pub id: Uuid,
    /// To which exchange.
    pub exchange: String,
    /// With which routing key.
    pub routing_key: String,
    /// Its media type.
    pub content_type: String,
    /// Its headers: an object of texts, numbers and truth values; see also [`PROPERTIES`].
    pub headers: Value,
    /// Its body.
    pub body: Vec<u8>,
    /// When it was written down.
    pub created_at: DateTime<Utc>,
}

impl From<Row> for Outgoing {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            exchange: row.exchange,
            routing_key: row.routing_key,
            content_type: row.content_type,
            headers: row.headers.0,
            body: row.body,
            created_at: row.created_at,
        }
    }
}

impl Store {
    /// The oldest messages that are still to be published.
    pub async fn outgoing(&self, limit: i64) -> Result<Vec<Outgoing>, StoreError> {
        let rows: Vec<Row> = read!(self, pool => sqlx::query_as(sql::OUTBOX_NEXT).bind(limit).fetch_all(pool).await)?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// How many messages are still to be published.
    pub async fn outgoing_count(&self) -> Result<i64, StoreError> {
        Ok(read!(self, pool => sqlx::query_scalar(sql::OUTBOX_COUNT).fetch_one(pool).await)?)
    }
}

impl Tx {
    /// Writes a message down.
    pub async fn enqueue_outgoing(&mut self, message: &Outgoing) -> Result<(), StoreError> {
        write!(self, connection => sqlx::query(sql::OUTBOX_INSERT)
            .bind(message.id).bind(&message.exchange).bind(&message.routing_key).bind(&message.content_type)
            .bind(Json(&message.headers)).bind(&message.body).bind(message.created_at)
            .execute(connection).await.map(drop))?;
        Ok(())
    }

    /// Forgets a message that the broker has confirmed.
    pub async fn outgoing_sent(&mut self, id: Uuid) -> Result<(), StoreError> {
        write!(self, connection => sqlx::query(sql::OUTBOX_SENT).bind(id).execute(connection).await.map(drop))?;
        Ok(())
    }
}
