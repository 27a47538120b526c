"""Publishes many messages quickly, each of them confirmed."""

import json
import uuid

import amqp


def publish(port, prefix, kind, jobs):
    """Native jobs to the exchange of a prefix; done when the broker has confirmed all of them."""
    with amqp.Connection(f"127.0.0.1:{port}") as connection:
        channel = connection.channel()
        channel.confirm_select()
        waiting = set(range(1, len(jobs) + 1))

        def ack(tag, multiple):
            if multiple:
                waiting.difference_update(range(min(waiting, default=tag), tag + 1))
            else:
                waiting.discard(tag)

        channel.events["basic_ack"].add(ack)
        for job in jobs:
            body = json.dumps({"id": str(uuid.uuid4()), "kind": kind, **job})
            message = amqp.Message(body, content_type="application/json", delivery_mode=2)
            channel.basic_publish(message, exchange=f"{prefix}.jobs", routing_key=kind)
        while waiting:
            connection.drain_events(timeout=30)


def depth(port, queue):
    """How many messages wait in a queue."""
    with amqp.Connection(f"127.0.0.1:{port}", connect_timeout=5) as connection:
        return connection.channel().queue_declare(queue, passive=True).message_count


def is_consumed(port, queue):
    """Whether a replica takes messages from a queue; before that it may not be bound to its exchange yet."""
    try:
        with amqp.Connection(f"127.0.0.1:{port}", connect_timeout=5) as connection:
            return connection.channel().queue_declare(queue, passive=True).consumer_count > 0
    except (OSError, amqp.AMQPError):
        return False
