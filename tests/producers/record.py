"""Records what the real producers send: usage: record.py FOLDER (through record, which finds the interpreter)

Every message is published through a genuine broker and taken from it again; kept are the properties that tenantd
reads, the headers that are texts, numbers and truth values, and the body. TENANTD_TEST_AMQP_URL names the broker.
"""

import datetime
import json
import os
import pathlib
import sys
import uuid

import kombu
from celery import Celery, chain
from cloudevents.core.bindings import amqp, rabbitmq
from cloudevents.core.v1.event import CloudEvent

URL = os.environ["TENANTD_TEST_AMQP_URL"]
TENANT = "75f20d49ca6b4d8899afa12c65a9da30"
TASK_ID = "e6bbe67c-4327-4a6a-a5e5-79f6a6d8a5c3"
ETA = datetime.datetime(2030, 1, 1, 12, 0, 0, 250000, tzinfo=datetime.timezone.utc)
EXPIRES = datetime.datetime(2030, 1, 2, tzinfo=datetime.timezone.utc)
EXCHANGE = f"record{uuid.uuid4().hex}"

ATTRIBUTES = {
    "id": "order-7",
    "source": "/portal",
    "type": "tenantd.job.pull_quotas",
    "subject": TENANT,
    "time": ETA,
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
}
DATA = {"cloud": "lab", "params": {"sizes": True}, "deadline": "2030-01-02T00:00:00Z"}


def celery_app(**settings):
    app = Celery("portal", broker=URL, backend="rpc://")
    app.conf.update(settings)
    return app


def celery_messages():
    """Each name of a message with a call that sends it."""
    options = {"exchange": EXCHANGE, "routing_key": "pull_quotas", "task_id": TASK_ID}

    def task(app, *args, **kwargs):
        app.send_task("tenantd.pull_quotas", *args, **options, **kwargs)

    keywords = {"cloud": "lab", "sizes": True}
    yield "celery", lambda: task(celery_app(), [TENANT], keywords)
    yield "celery-timed", lambda: task(
        celery_app(), kwargs={"tenant": uuid.UUID(TENANT)}, eta=ETA, expires=EXPIRES, retries=3, ignore_result=True
    )
    yield "celery-mapped", lambda: celery_app().send_task("waldur_openstack.pull_quotas", [TENANT], **options)
    yield "celery-chain", lambda: chain(
        celery_app().signature("tenantd.pull_quotas", [TENANT], options=options),
        celery_app().signature("portal.next", options=options),
    ).apply_async()
    yield "celery-linked", lambda: task(celery_app(), [TENANT], link=celery_app().signature("portal.done"))
    yield "celery-pickle", lambda: task(celery_app(task_serializer="pickle"), [TENANT])
    yield "celery-gzip", lambda: task(celery_app(task_compression="gzip"), [TENANT])
    yield "celery-protocol-1", lambda: task(celery_app(task_protocol=1), [TENANT])


def cloudevents(send):
    event = CloudEvent(ATTRIBUTES | {"datacontenttype": "application/json"}, DATA)
    plain = CloudEvent(ATTRIBUTES, json.dumps(DATA).encode())
    structured = amqp.to_structured_event(event)
    binary = amqp.to_binary_event(event)
    colon = {name.replace("cloudEvents_", "cloudEvents:"): it for name, it in binary.application_properties.items()}
    rabbit = rabbitmq.to_binary_event(event)
    kind = "content-type"
    yield "cloudevents-structured", lambda: send(structured.application_data, structured.properties[kind], {})
    yield "cloudevents-base64", lambda: send(
        amqp.to_structured_event(plain).application_data, structured.properties[kind], {}
    )
    yield "cloudevents-ce", lambda: send(rabbit.body, rabbit.content_type, rabbit.headers)
    yield "cloudevents-underscore", lambda: send(
        binary.application_data, binary.properties[kind], binary.application_properties
    )
    # The binding's other spelling of the same; the SDK reads it and writes the first.
    yield "cloudevents-colon", lambda: send(binary.application_data, binary.properties[kind], colon)


def recorded(message):
    kept = ("content_type", "content_encoding", "correlation_id", "reply_to", "message_id", "user_id", "app_id")
    headers = message.properties.get("application_headers", {})
    headers = {name: it for name, it in headers.items() if isinstance(it, (str, int, float, bool))}
    # As it was on the wire: kombu's own message would be decompressed already.
    body = message.body if isinstance(message.body, bytes) else message.body.encode()
    record = {name: it for name in kept if (it := message.properties.get(name))}
    record["headers"] = dict(sorted(headers.items()))
    try:
        record["body"] = body.decode()
    except UnicodeDecodeError:
        record["body_hex"] = body.hex()
    return record


def main(folder):
    with kombu.Connection(URL) as connection:
        channel = connection.channel()
        exchange = kombu.Exchange(EXCHANGE, "topic", durable=False, auto_delete=True)
        queue = kombu.Queue(EXCHANGE, exchange, "#", durable=False, exclusive=True)(channel)
        queue.declare()

        def send(body, content_type, headers):
            producer = kombu.Producer(channel, exchange, "pull_quotas")
            producer.publish(body, content_type=content_type, content_encoding="binary", headers=headers)

        for messages in (celery_messages(), cloudevents(send)):
            for name, publish in messages:
                publish()
                message = None
                while message is None:
                    message = channel.basic_get(queue.name, no_ack=True)
                if reply_to := message.properties.get("reply_to"):
                    channel.queue_delete(reply_to)
                path = folder / f"{name}.json"
                path.write_text(json.dumps(recorded(message), indent=2) + "\n")
                print(path)


main(pathlib.Path(sys.argv[1]))
