//! What is declared, and that it is what it says.

use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};

use super::rig::{Rig, alone};

#[tokio::test]
async fn the_queues_are_quorum_queues_with_these_arguments() {
    alone(async |rig: Rig| {
        rig.declare().await;
        // Declaring twice changes nothing; RabbitMQ refuses a declaration that differs in any argument.
        rig.topology.declare(&rig.channel).await.unwrap();
        let arguments = |limit: i64| {
            let mut arguments = FieldTable::default();
            arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
            arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(limit));
            arguments.insert("x-dead-letter-exchange".into(), AMQPValue::LongString(rig.topology.dead.as_str().into()));
            arguments
        };
        let declare = |arguments| {
            rig.channel.queue_declare(rig.topology.jobs.as_str().into(), QueueDeclareOptions::durable(), arguments)
        };
        declare(arguments(1_000_000)).await.unwrap();
        let refused = declare(arguments(20)).await.unwrap_err().to_string();
        assert!(refused.contains("x-delivery-limit"), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn any_routing_key_leads_to_the_jobs() {
    alone(async |rig: Rig| {
        rig.declare().await;
        for key in ["pull_quotas", "whatever.else", ""] {
            rig.publish(key, "application/json", b"{}").await;
        }
        assert_eq!(rig.ready().await, 3);
    })
    .await;
}
