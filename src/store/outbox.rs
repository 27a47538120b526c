//! What is still to be published: committed with what it tells of, sent when the broker is there.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Store, StoreError, Tx, either, read, sql};

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
    /// Keeps a message until the commit; one that is there already stays as it is.
    pub fn enqueue_outgoing(&mut self, message: Outgoing) {
        self.news.outgoing = true;
        self.outgoing.push(message);
    }

    pub(super) async fn write_outgoing(&mut self) -> Result<(), StoreError> {
        let messages = std::mem::take(&mut self.outgoing);
        if messages.is_empty() {
            return Ok(());
        }
        either!(self, transaction => {
            for message in messages {
                sqlx::query(sql::OUTBOX_INSERT_SQLITE)
                    .bind(message.id)
                    .bind(message.exchange)
                    .bind(message.routing_key)
                    .bind(message.content_type)
                    .bind(Json(message.headers))
                    .bind(message.body)
                    .bind(message.created_at)
                    .execute(&mut **transaction)
                    .await?;
            }
        }, {
            let column = |pick: fn(&Outgoing) -> &str| messages.iter().map(pick).collect::<Vec<_>>();
            sqlx::query(sql::OUTBOX_INSERT_POSTGRES)
                .bind(messages.iter().map(|it| it.id).collect::<Vec<_>>())
                .bind(column(|it| &it.exchange))
                .bind(column(|it| &it.routing_key))
                .bind(column(|it| &it.content_type))
                .bind(messages.iter().map(|it| Json(&it.headers)).collect::<Vec<_>>())
                .bind(messages.iter().map(|it| it.body.as_slice()).collect::<Vec<_>>())
                .bind(messages.iter().map(|it| it.created_at).collect::<Vec<_>>())
                .execute(&mut **transaction)
                .await?;
        })?;
        Ok(())
    }

    /// Forgets messages that the broker has confirmed.
    pub async fn outgoing_sent(&mut self, ids: &[Uuid]) -> Result<(), StoreError> {
        either!(self, transaction => {
            for id in ids {
                sqlx::query(sql::OUTBOX_SENT_SQLITE).bind(id).execute(&mut **transaction).await?;
            }
        }, {
            sqlx::query(sql::OUTBOX_SENT_POSTGRES).bind(ids).execute(&mut **transaction).await?;
        })?;
        Ok(())
    }
}
