"""Events for the house by MQTT, with Home Assistant's discovery: its entities appear by themselves.

Topics, of a device called NAME (MQTT 3.1.1; https://www.home-assistant.io/integrations/mqtt):

======================================  =======  ==========================================
topic                                   retained what
======================================  =======  ==========================================
``facesdk/NAME/status``                 yes      ``online``, or ``offline`` (also by will)
``facesdk/NAME/state``                  yes      who is there now, whom was seen last, the source
``facesdk/NAME/event``                  no       each event, with its name as ``event_type``
``homeassistant/KIND/NAME/ENTITY/config``  yes   what an entity is
======================================  =======  ==========================================

No picture and no embedding is sent. Events wait while the broker is away, at most
:data:`MOST_WAITING` of them; of the state only the newest is sent when it is back.
"""

from __future__ import annotations

import json
import os
import re
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from facesdk.errors import DependencyError, InputError, one_line, require_extra
from facesdk.live.events import Event, Identified, Left, Seen, SourceChanged
from facesdk.version import __version__

MOST_WAITING = 1000
"""Messages that wait for the broker, at most; the oldest are lost."""

PASSWORD = "FACESDK_MQTT_PASSWORD"
"""Environment variable with the password, where the address has none: others see addresses."""

DISCOVERY = "homeassistant"
"""Beginning of the topics in which Home Assistant looks for entities, and of its own status."""

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_PATIENCE, _FAREWELL = 5.0, 2.0
_LONGEST_PAUSE = 60
_REASONS = {134: "user or password is wrong", 135: "this user may not connect"}


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is.

    Attributes:
        host: Its name or number.
        port: Its port.
        user: Who connects; None for nobody.
        password: Of the user; None for none.
        encrypted: Whether by TLS.
        authority: File with the certificate that signs the broker's; None for the system's own.
    """

    host: str
    port: int
    user: str | None = None
    password: str | None = None
    encrypted: bool = False
    authority: Path | None = None

    @staticmethod
    def parse(url: str, authority: Path | None = None) -> Broker:
        """Read an address such as ``mqtt://user:password@host:1883`` or ``mqtts://host``.

        Args:
            url: The address. Without a password, that of :data:`PASSWORD` is used.
            authority: See :class:`Broker`.

        Raises:
            InputError: It is none.
        """
        try:
            parts = urlsplit(url)
            scheme, host, port = parts.scheme, parts.hostname, parts.port
        except ValueError as error:
            raise InputError(f"the address of the MQTT broker is wrong: {error}") from None
        if scheme not in _PORTS or not host or parts.path.strip("/"):
            raise InputError(
                "the address of the MQTT broker must be mqtt://HOST[:PORT] or mqtts://HOST[:PORT], "
                "with USER:PASSWORD@ before the host where it wants one"
            )
        if authority is not None and scheme != "mqtts":
            raise InputError("a certificate goes with mqtts:// only: mqtt:// is not encrypted")
        user = None if parts.username is None else unquote(parts.username)
        secret = parts.password and unquote(parts.password)
        password = (secret or os.environ.get(PASSWORD)) if user is not None else None
        return Broker(host, port or _PORTS[scheme], user, password, scheme == "mqtts", authority)


def device_name(text: str) -> str:
    """A name as topics may have it: letters, digits, ``_`` and ``-``.

    Raises:
        InputError: Nothing is left of it.
    """
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_")
    if not name:
        raise InputError(f"the name of the device must have a letter or digit, but got {text!r}")
    return name[:64]


def discovery(name: str) -> dict[str, dict[str, Any]]:
    """What Home Assistant is told of each entity, by topic.

    Args:
        name: Of the device, from :func:`device_name`.
    """
    base = f"facesdk/{name}"
    common = {
        "availability_topic": f"{base}/status",
        "device": {
            "identifiers": [f"facesdk_{name}"],
            "name": f"facesdk {name}",
            "manufacturer": "facesdk",
            "sw_version": __version__,
        },
        "origin": {"name": "facesdk", "sw_version": __version__},
    }
    state = {"state_topic": f"{base}/state"}
    entities: dict[tuple[str, str], dict[str, Any]] = {
        ("binary_sensor", "presence"): {
            "name": "Presence",
            "device_class": "occupancy",
            "value_template": "{{ 'ON' if value_json.present > 0 else 'OFF' }}",
            **state,
        },
        ("sensor", "people"): {
            "name": "People",
            "icon": "mdi:account-multiple",
            "state_class": "measurement",
            "value_template": "{{ value_json.present }}",
            "json_attributes_topic": f"{base}/state",
            "json_attributes_template": "{{ {'names': value_json.names} | tojson }}",
            **state,
        },
        ("sensor", "last_person"): {
            "name": "Last person",
            "icon": "mdi:account-check",
            "value_template": "{{ value_json.last_person }}",
            **state,
        },
        ("binary_sensor", "source"): {
            "name": "Camera",
            "device_class": "connectivity",
            "entity_category": "diagnostic",
            "value_template": "{{ 'ON' if value_json.source == 'live' else 'OFF' }}",
            **state,
        },
        ("event", "visit"): {
            "name": "Visit",
            "icon": "mdi:account-eye",
            "event_types": ["seen", "identified", "left"],
            "state_topic": f"{base}/event",
        },
    }
    return {
        f"{DISCOVERY}/{kind}/{name}/{entity}/config": {
            "unique_id": f"facesdk_{name}_{entity}",
            **record,
            **common,
        }
        for (kind, entity), record in entities.items()
    }


class House:
    """Who is in front of the camera, from the events: what ``state`` says."""

    def __init__(self) -> None:
        self._present: dict[int, str | None] = {}
        self._last_person: str | None = None
        self._source = "live"

    def see(self, event: Event) -> None:
        """Take note of an event."""
        if isinstance(event, Seen):
            self._present[event.track] = None
        elif isinstance(event, Identified):
            person = event.verdict.person
            self._present[event.track] = None if person is None else person.name
            if person is not None:
                self._last_person = person.name
        elif isinstance(event, Left):
            self._present.pop(event.track, None)
        elif isinstance(event, SourceChanged):
            self._source = event.state

    def to_dict(self) -> dict[str, Any]:
        """``present``, the ``names`` of those who are known, ``last_person`` and ``source``."""
        names = sorted({name for name in self._present.values() if name is not None})
        return {
            "present": len(self._present),
            "names": names,
            "last_person": self._last_person,
            "source": self._source,
        }


@dataclass(frozen=True, slots=True)
class Message:
    """What a topic is told.

    Attributes:
        topic: The topic.
        text: The text.
        passing: Whether it counts as it happens, as events do; else the broker keeps the newest.
    """

    topic: str
    text: str
    passing: bool = False


class Outbox:
    """What waits for the broker. Threads may share it.

    What it has to know again after each connection goes first; the rest follows in its order.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._introduction: deque[Message] = deque()
        self._waiting: deque[Message] = deque(maxlen=MOST_WAITING)
        self._acknowledged: set[int] = set()
        self._online = self._closed = self._underway = False

    def __len__(self) -> int:
        return len(self._introduction) + len(self._waiting)

    def add(self, messages: Iterable[Message]) -> None:
        """Let messages wait; those that the broker would keep only while it is there."""
        with self._changed:
            self._waiting.extend(row for row in messages if self._online or row.passing)
            self._changed.notify_all()

    def introduce(self, messages: Iterable[Message]) -> None:
        """The broker is there: it is told this first, and no state that is older."""
        with self._changed:
            self._online = True
            self._introduction = deque(messages)
            self._forget_states()
            self._changed.notify_all()

    def lost(self) -> None:
        """The broker is away: events wait until it is introduced to us again."""
        with self._changed:
            self._online = False
            self._introduction.clear()
            self._forget_states()
            self._changed.notify_all()

    def take(self) -> Message | None:
        """The next message, once the last one has arrived and the broker is there.

        Returns:
            None when the box is closed.
        """
        with self._changed:
            self._underway = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._closed or (self._online and len(self)))
            if self._closed:
                return None
            self._underway = True
            return (self._introduction or self._waiting).popleft()

    def acknowledge(self, number: int) -> None:
        """A message has arrived."""
        with self._changed:
            self._acknowledged.add(number)
            self._changed.notify_all()

    def wait_for(self, number: int) -> None:
        """Wait until a message has arrived, or the box is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or number in self._acknowledged)
            self._acknowledged.clear()

    def arrived(self, number: int, timeout: float) -> bool:
        """Whether a message arrives in so many seconds, and before the broker is lost."""
        with self._changed:
            self._changed.wait_for(
                lambda: number in self._acknowledged or not self._online, timeout
            )
            return number in self._acknowledged

    def close(self, timeout: float) -> bool:
        """Wait until everything has arrived, for so many seconds at most, and give nothing more.

        Returns:
            Whether the broker is there.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: not self._online or not (self._underway or len(self)), timeout
            )
            self._closed = True
            self._changed.notify_all()
            return self._online

    def _forget_states(self) -> None:
        events = [row for row in self._waiting if row.passing]
        self._waiting.clear()
        self._waiting.extend(events)


class Publisher:
    """Sends events to a broker, from a thread of its own; a broker that is away holds up nothing.

    Args:
        broker: Where it is.
        name: Of the device; see :func:`device_name`.
        patient: Whether to go on where the broker is not there at the start.
        notice: Told in a line when the broker is lost, refuses, or is back.

    Raises:
        DependencyError: paho-mqtt 2 is not installed (extra ``mqtt``).
    """

    def __init__(
        self,
        broker: Broker,
        name: str,
        *,
        patient: bool = False,
        notice: Callable[[str], object] = lambda line: None,
    ) -> None:
        paho = _paho()
        self._notice, self._lost = notice, False
        self._where = f"the MQTT broker {broker.host}:{broker.port}"
        self._broker, self._name, self._patient = broker, device_name(name), patient
        self._house, self._lock, self._outbox = House(), threading.Lock(), Outbox()
        self._sender = threading.Thread(target=self._send_all, name="facesdk-mqtt", daemon=True)
        self._answered, self._refusal = threading.Event(), ""
        client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=f"facesdk_{self._name}")
        client.reconnect_delay_set(1, _LONGEST_PAUSE)
        client.will_set(self._topic("status"), "offline", qos=1, retain=True)
        if broker.user is not None:
            client.username_pw_set(broker.user, broker.password)
        if broker.encrypted:
            self._encrypt(client)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_message = self._told
        client.on_publish = self._arrived
        self._client = client

    def start(self) -> None:
        """Connect.

        Raises:
            InputError: The broker refuses, or is not there and this publisher is not patient.
        """
        try:
            self._client.connect(self._broker.host, self._broker.port)
        except (OSError, ValueError) as error:
            reason = f"{self._where} cannot be reached ({one_line(error)})"
            if not self._patient:
                raise InputError(reason) from None
            self._lost = True
            self._notice(f"{reason}; it is tried again and again")
            self._client.connect_async(self._broker.host, self._broker.port)
            self._client.loop_start()
            self._sender.start()
            return
        self._client.loop_start()
        self._answered.wait(_PATIENCE)
        if self._refusal or not (self._answered.is_set() or self._patient):
            self._client.loop_stop()
            reason = self._refusal or "it does not answer"
            raise InputError(f"{self._where} does not let us in ({reason})")
        self._sender.start()

    def publish(self, event: Event) -> None:
        """Send an event, and what it changes."""
        messages = []
        if not isinstance(event, SourceChanged):
            record = event.to_dict()
            record = {"event_type": record.pop("event"), **record}
            messages = [Message(self._topic("event"), json.dumps(record), passing=True)]
        with self._lock:
            self._house.see(event)
            self._outbox.add([*messages, self._state()])

    def close(self) -> None:
        """Say goodbye, wait a moment until it is sent, and hang up."""
        online = self._outbox.close(_FAREWELL)
        if self._sender.is_alive():
            self._sender.join()
        if online:
            self._outbox.arrived(self._send(Message(self._topic("status"), "offline")), _FAREWELL)
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(self, client: Any, _: Any, __: Any, reason: Any, ___: Any) -> None:
        """Once more after every reconnection: the broker may have forgotten everything."""
        if reason.is_failure:
            self._refusal = _REASONS.get(reason.value, str(reason))
        else:
            self._refusal = ""
            client.subscribe(f"{DISCOVERY}/status")
            self._introduce()
            if self._lost:
                self._notice(f"{self._where} is back")
            self._lost = False
        self._answered.set()

    def _disconnected(self, _: Any, __: Any, ___: Any, reason: Any, ____: Any) -> None:
        self._outbox.lost()
        if reason.is_failure and not self._lost:
            self._lost = True
            why = self._refusal or one_line(reason)
            self._notice(f"{self._where} is lost ({why}); it is tried again and again")

    def _told(self, _: Any, __: Any, message: Any) -> None:
        if message.payload == b"online":  # Home Assistant has started
            self._introduce()

    def _introduce(self) -> None:
        entities = discovery(self._name).items()
        messages = [Message(topic, json.dumps(record)) for topic, record in entities]
        online = Message(self._topic("status"), "online")
        with self._lock:
            self._outbox.introduce([*messages, self._state(), online])

    def _state(self) -> Message:
        return Message(self._topic("state"), json.dumps(self._house.to_dict()))

    def _arrived(self, _: Any, __: Any, number: int, ___: Any, ____: Any) -> None:
        self._outbox.acknowledge(number)

    def _send_all(self) -> None:
        """One after the other: what a loss interrupts, paho repeats after what came later."""
        while (message := self._outbox.take()) is not None:
            self._outbox.wait_for(self._send(message))

    def _send(self, message: Message) -> int:
        retain = not message.passing
        number: int = self._client.publish(message.topic, message.text, qos=1, retain=retain).mid
        return number

    def _topic(self, what: str) -> str:
        return f"facesdk/{self._name}/{what}"

    def _encrypt(self, client: Any) -> None:
        authority = self._broker.authority
        try:
            client.tls_set(None if authority is None else str(authority))
        except (OSError, ValueError, ssl.SSLError) as error:
            raise InputError(f"the certificate {authority} cannot be used ({error})") from None


def _paho() -> Any:
    require_extra("paho", extra="mqtt")
    import paho.mqtt.client as paho

    if not hasattr(paho, "CallbackAPIVersion"):
        raise DependencyError(
            "MQTT needs paho-mqtt 2, and this one is older: run `pip install 'facesdk-edge[mqtt]'`"
        )
    return paho
