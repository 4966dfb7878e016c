"""Events by MQTT: addresses, what Home Assistant is told, and a real broker."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import paho.mqtt.client as paho
import pytest
from typer.testing import CliRunner

from facesdk import samples
from facesdk.cli.main import app
from facesdk.errors import EXIT_BAD_INPUT, DependencyError, InputError
from facesdk.gallery.gallery import Person
from facesdk.live import mqtt
from facesdk.live.events import Event, Identified, Left, Seen, SourceChanged
from facesdk.live.mqtt import Broker, House, Publisher, device_name, discovery
from facesdk.live.voting import Verdict
from sdk.live.films import face

ADA = Person("a" * 16, "Ada", 1, datetime(2026, 1, 1, tzinfo=timezone.utc), None)
AT = "2026-11-26T20:00:00.000Z"
COMES = Seen(1.0, AT, 1, face(50, 50))
KNOWN = Identified(1.2, AT, 1, Verdict(ADA, 0.6, 0.4, 0.01, 2), 0.9, face(50, 50))
STRANGER = Identified(1.2, AT, 2, Verdict(None, 0.1, 0.4, 0.01, 3), 0.9, face(50, 50))
GOES = Left(9.0, AT, 1, 8.0, 200, KNOWN.verdict)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mqtt://host", Broker("host", 1883)),
        ("mqtt://me:pass%40word@host:1884/", Broker("host", 1884, "me", "pass@word")),
        ("mqtts://host", Broker("host", 8883, encrypted=True)),
        ("mqtt://me@[::1]:5", Broker("::1", 5, "me", "from the environment")),
    ],
)
def test_addresses(url: str, expected: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(mqtt.PASSWORD, "from the environment")
    assert Broker.parse(url) == expected


@pytest.mark.parametrize(
    "url", ["host", "http://host", "mqtt://", "mqtt://h:x", "mqtt://h/topic", ""]
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(InputError, match="address of the MQTT broker"):
        Broker.parse(url)


def test_a_certificate_without_encryption_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="mqtts"):
        Broker.parse("mqtt://host", tmp_path / "ca.pem")
    broken = tmp_path / "ca.pem"
    broken.write_text("no certificate")
    with pytest.raises(InputError, match="certificate"):
        Publisher(Broker.parse("mqtts://host", broken), "door")


def test_names_of_devices() -> None:
    assert device_name("front door/1") == "front_door_1"
    assert device_name("x" * 100) == "x" * 64
    with pytest.raises(InputError, match="letter or digit"):
        device_name("/+#")


def test_an_old_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(paho, "CallbackAPIVersion")
    with pytest.raises(DependencyError, match=r"facesdk-edge\[mqtt\]"):
        Publisher(Broker("host", 1), "door")


def test_what_home_assistant_is_told() -> None:
    told = discovery("door")
    assert len(told) == 5
    assert len({record["unique_id"] for record in told.values()}) == 5
    for topic, record in told.items():
        kind, name, entity = topic.removeprefix("homeassistant/").removesuffix("/config").split("/")
        assert kind in ("sensor", "binary_sensor", "event")
        assert (name, record["unique_id"]) == ("door", f"facesdk_door_{entity}")
        assert record["availability_topic"] == "facesdk/door/status"
        assert record["device"]["identifiers"] == ["facesdk_door"]
        assert record["state_topic"].startswith("facesdk/door/")
        assert record["name"] and record["origin"]["name"] == "facesdk"
        json.dumps(record)
    events = told["homeassistant/event/door/visit/config"]["event_types"]
    assert events == [COMES.name, KNOWN.name, GOES.name]


def test_who_is_in_front_of_the_house() -> None:
    house = House()

    def after(event: Event) -> tuple[int, list[str], str | None, str]:
        house.see(event)
        return tuple(house.to_dict().values())  # type: ignore[return-value]

    assert after(COMES) == (1, [], None, "live")
    assert after(KNOWN) == (1, ["Ada"], "Ada", "live")
    assert after(Seen(1.0, AT, 2, face(9, 9))) == (2, ["Ada"], "Ada", "live")
    assert after(STRANGER) == (2, ["Ada"], "Ada", "live")
    assert after(GOES) == (1, [], "Ada", "live")
    assert after(SourceChanged(2.0, AT, "reconnecting", "cable")) == (1, [], "Ada", "reconnecting")


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def mosquitto(folder: Path, port: int, *settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """A broker of its own, on loopback."""
    program = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program, "mosquitto is not installed: run `make mosquitto`"
    rules = [f"listener {port} 127.0.0.1", "persistence false", "user root", *settings]
    if not any(row.startswith("password_file") for row in settings):
        rules.append("allow_anonymous true")
    (folder / "mosquitto.conf").write_text("\n".join(rules) + "\n")
    broker = subprocess.Popen(
        [program, "-c", str(folder / "mosquitto.conf")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _until(lambda: _listens(port))
        yield broker
    finally:
        broker.terminate()
        broker.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _until(done: Callable[[], object], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


class Listener:
    """Somebody in the house who reads everything."""

    def __init__(self, port: int, user: tuple[str, str] | None = None) -> None:
        self.messages: list[tuple[str, Any, bool]] = []
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        if user:
            self._client.username_pw_set(*user)
        ready = threading.Event()
        self._client.on_message = self._on_message
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_subscribe = lambda *_: ready.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert ready.wait(10)

    def _on_message(self, _: Any, __: Any, message: Any) -> None:
        text = message.payload.decode()
        body = json.loads(text) if text.startswith("{") else text
        self.messages.append((message.topic, body, message.retain))

    def of(self, topic: str) -> list[Any]:
        return [body for name, body, _ in list(self.messages) if name == topic]

    def say(self, topic: str, text: str) -> None:
        self._client.publish(topic, text, qos=1).wait_for_publish(5)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Wire:
    """Stands for paho and a broker: what is underway when the broker is lost is sent once more.

    Like paho it keeps what it is given while the broker is away, up to the limit that it has.
    """

    CallbackAPIVersion = paho.CallbackAPIVersion

    def __init__(self) -> None:
        self.got: list[tuple[str, str]] = []
        self.there, self.acknowledges = False, True
        self._most, self._number = 0, 0
        self._kept: dict[int, tuple[str, str]] = {}
        self._lock = threading.RLock()

    def Client(self, *_: object, **__: object) -> Wire:
        return self

    def max_queued_messages_set(self, count: int) -> None:
        self._most = count

    def publish(self, topic: str, text: str, **_: object) -> paho.MQTTMessageInfo:
        with self._lock:
            self._number += 1
            info = paho.MQTTMessageInfo(self._number)
            if self._most and len(self._kept) >= self._most:
                info.rc = paho.MQTT_ERR_QUEUE_SIZE
                return info
            self._kept[self._number] = (topic, text)
            if self.there:
                self._deliver(self._number)
            return info

    def come(self) -> None:
        self.there = True
        self.on_connect(self, None, None, SimpleNamespace(is_failure=False), None)
        with self._lock:
            for number in list(self._kept):
                self._deliver(number)

    def go(self) -> None:
        self.there = False
        self.on_disconnect(self, None, None, SimpleNamespace(is_failure=True), None)

    def is_connected(self) -> bool:
        return self.there

    def of(self, topic: str) -> list[str]:
        return [text for name, text in list(self.got) if name == topic]

    def _deliver(self, number: int) -> None:
        self.got.append(self._kept[number])
        if self.acknowledges:
            self._kept.pop(number)
            self.on_publish(self, None, number, None, None)

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    fake = Wire()
    monkeypatch.setattr(mqtt, "_paho", lambda: fake)
    monkeypatch.setattr(mqtt, "_FAREWELL", 0.05)
    monkeypatch.setattr(mqtt, "_PATIENCE", 0.0)
    return fake


def on_the(wire: Wire) -> Publisher:
    publisher = Publisher(Broker("host", 1), "door", patient=True)
    publisher.start()
    wire.come()
    _until(lambda: wire.of("facesdk/door/status"))
    return publisher


def test_after_an_outage_with_a_full_queue_the_device_is_online_with_its_newest_state(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "MOST_WAITING", 20)
    publisher = on_the(wire)
    wire.go()
    for track in range(1, 101):
        publisher.publish(Seen(1.0, AT, track, face(50, 50)))
    wire.got.clear()
    wire.come()
    _until(lambda: len(wire.got) >= 27)
    publisher.close()
    topics = [topic for topic, _ in wire.got]
    assert topics[:5] == list(discovery("door"))
    assert topics[5:] == [
        "facesdk/door/state",
        "facesdk/door/status",
        *20 * ["facesdk/door/event"],
        "facesdk/door/status",
    ]
    assert wire.of("facesdk/door/status") == ["online", "offline"]
    (state,) = wire.of("facesdk/door/state")
    assert json.loads(state)["present"] == 100
    tracks = [json.loads(text)["track"] for text in wire.of("facesdk/door/event")]
    assert tracks == list(range(81, 101))


def test_a_state_that_a_loss_interrupts_does_not_come_after_newer_ones(wire: Wire) -> None:
    publisher = on_the(wire)
    wire.acknowledges = False
    publisher.publish(SourceChanged(1.0, AT, "reconnecting", "cable"))
    _until(lambda: len(wire.of("facesdk/door/state")) == 2)
    wire.go()
    publisher.publish(SourceChanged(2.0, AT, "live", ""))
    publisher.publish(COMES)
    wire.acknowledges = True
    wire.come()
    _until(lambda: wire.of("facesdk/door/event"))
    publisher.close()
    state = json.loads(wire.of("facesdk/door/state")[-1])
    assert (state["source"], state["present"]) == ("live", 1)


@pytest.mark.parametrize("there", [True, False])
def test_the_end_is_quiet_when_nothing_is_acknowledged(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    monkeypatch.setattr(mqtt, "MOST_WAITING", 20)
    publisher = on_the(wire)
    wire.acknowledges = False
    for _ in range(50):
        publisher.publish(COMES)
    if not there:
        wire.go()
    publisher.close()
    assert not publisher._sender.is_alive()
    assert wire.of("facesdk/door/status")[-1] == ("offline" if there else "online")


@pytest.mark.slow
def test_a_visit_reaches_the_house(tmp_path: Path) -> None:
    port = free_port()
    with mosquitto(tmp_path, port):
        listener = Listener(port)
        publisher = Publisher(Broker("127.0.0.1", port), "door")
        publisher.start()
        for event in (COMES, KNOWN, GOES, SourceChanged(2.0, AT, "reconnecting", "cable")):
            publisher.publish(event)
        _until(lambda: len(listener.of("facesdk/door/state")) >= 5)
        assert listener.of("facesdk/door/status") == ["online"]
        events = listener.of("facesdk/door/event")
        assert [row["event_type"] for row in events] == ["seen", "identified", "left"]
        assert events[1]["person"] == {"id": "a" * 16, "name": "Ada"}
        states = listener.of("facesdk/door/state")
        assert [row["present"] for row in states] == [0, 1, 1, 0, 0]
        assert states[-1] == {
            "present": 0,
            "names": [],
            "last_person": "Ada",
            "source": "reconnecting",
        }
        late = Listener(port)  # Home Assistant, started afterwards: what is kept is enough
        _until(lambda: len(late.messages) >= 7)
        assert all(retained for _, _, retained in late.messages)
        assert {topic for topic, _, _ in late.messages} == {
            *discovery("door"),
            "facesdk/door/state",
            "facesdk/door/status",
        }
        late.messages.clear()
        late.say("homeassistant/status", "online")  # it has restarted, and asks
        _until(lambda: set(discovery("door")) <= {topic for topic, _, _ in late.messages})
        publisher.close()
        _until(lambda: listener.of("facesdk/door/status")[-1] == "offline")
        late.close()
        listener.close()


@pytest.mark.slow
def test_the_verb_tells_the_house(tmp_path: Path) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    for number in range(12):
        shutil.copy(samples.OBAMA, frames / f"{number}.jpg")
    port = free_port()
    with mosquitto(tmp_path, port):
        listener = Listener(port)
        where = ["--mqtt", f"mqtt://127.0.0.1:{port}", "--mqtt-name", "front door"]
        done = CliRunner().invoke(app, ["live", str(frames), "--min-face", "100", *where])
        assert done.exit_code == 0, done.output
        _until(lambda: "offline" in listener.of("facesdk/front_door/status"))
        events = [row["event_type"] for row in listener.of("facesdk/front_door/event")]
        assert events == ["seen", "left"]
        listener.close()
    refused = CliRunner().invoke(app, ["live", str(frames), *where])
    assert refused.exit_code == EXIT_BAD_INPUT
    assert refused.stdout == ""
    assert "cannot be reached" in refused.stderr


@pytest.mark.slow
def test_one_who_dies_is_declared_offline_by_the_broker(tmp_path: Path) -> None:
    port = free_port()
    with mosquitto(tmp_path, port):
        listener = Listener(port)
        publisher = Publisher(Broker("127.0.0.1", port), "door")
        publisher.start()
        _until(lambda: listener.of("facesdk/door/status") == ["online"])
        publisher._client.loop_stop()
        publisher._client.socket().shutdown(socket.SHUT_RDWR)  # no goodbye
        _until(lambda: listener.of("facesdk/door/status")[-1] == "offline")
        listener.close()


@pytest.mark.slow
def test_what_happens_while_the_broker_is_away_comes_later_and_entities_come_back(
    tmp_path: Path,
) -> None:
    port, lines = free_port(), []
    with mosquitto(tmp_path, port):
        publisher = Publisher(Broker("127.0.0.1", port), "door", notice=lines.append)
        publisher.start()
        publisher.publish(COMES)
    _until(lambda: lines)
    assert f"127.0.0.1:{port} is lost" in lines[0]
    begun = time.monotonic()
    publisher.publish(KNOWN)
    assert time.monotonic() - begun < 0.5  # nobody waits for it
    with mosquitto(tmp_path, port):  # a new one: it has forgotten everything
        listener = Listener(port)
        _until(lambda: set(discovery("door")) <= {topic for topic, _, _ in listener.messages})
        _until(lambda: listener.of("facesdk/door/event"))
        assert listener.of("facesdk/door/event")[-1]["event_type"] == "identified"
        _until(lambda: listener.of("facesdk/door/state")[-1]["names"] == ["Ada"])
        assert lines[-1].endswith("is back")
        assert len(lines) == 2
        publisher.close()
        listener.close()


@pytest.mark.slow
def test_a_broker_that_is_not_there_is_an_error_unless_one_waits_for_it(tmp_path: Path) -> None:
    port, lines = free_port(), []
    with pytest.raises(InputError, match="cannot be reached"):
        Publisher(Broker("127.0.0.1", port), "door").start()
    publisher = Publisher(Broker("127.0.0.1", port), "door", patient=True, notice=lines.append)
    publisher.start()
    publisher.publish(COMES)
    assert "cannot be reached" in lines[0]
    with mosquitto(tmp_path, port):
        listener = Listener(port)
        _until(lambda: listener.of("facesdk/door/event"))
        listener.close()
        publisher.close()


@pytest.mark.slow
@pytest.mark.parametrize("patient", [False, True])
def test_a_wrong_password_is_an_error_and_is_not_shown(tmp_path: Path, patient: bool) -> None:
    tool = shutil.which("mosquitto_passwd")
    assert tool
    passwords = tmp_path / "passwords"
    subprocess.run([tool, "-b", "-c", str(passwords), "door", "right"], check=True)
    port = free_port()
    with mosquitto(tmp_path, port, f"password_file {passwords}"):
        good = Publisher(Broker.parse(f"mqtt://door:right@127.0.0.1:{port}"), "door")
        good.start()
        good.close()
        for url in (f"mqtt://door:wr0ng@127.0.0.1:{port}", f"mqtt://127.0.0.1:{port}"):
            with pytest.raises(InputError, match="does not let us in") as caught:
                Publisher(Broker.parse(url), "door", patient=patient).start()
            assert "wr0ng" not in str(caught.value)


@pytest.mark.slow
def test_something_else_that_listens_is_no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "_PATIENCE", 0.5)
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        publisher = Publisher(Broker("127.0.0.1", mute.getsockname()[1]), "door")
        with pytest.raises(InputError, match="does not answer"):
            publisher.start()


@pytest.mark.slow
def test_messages_that_wait_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "MOST_WAITING", 20)
    publisher = Publisher(Broker("127.0.0.1", free_port()), "door", patient=True)
    publisher.start()
    for _ in range(500):
        publisher.publish(COMES)
        publisher.publish(GOES)
    assert len(publisher._client._out_messages) <= 20
    assert len(publisher._outbox) == 20
    publisher.close()
