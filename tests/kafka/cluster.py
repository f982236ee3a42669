"""A real Kafka cluster on loopback: a controller and some brokers (KRaft), from Maven Central's jars.

The jars are fetched once, checked against jars.txt and kept in build/kafka/jars. Brokers can be killed and started
again; the controller, which is no broker, stays.
"""
import base64
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
JARS = ROOT / "build/kafka/jars"
MAVEN = os.environ.get("SEGMO_MAVEN", "https://repo1.maven.org/maven2")
HEAP = ("-Xms128m", "-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
CLUSTER_ID = "c2VnbW8tdGVzdC1jbHVzdA"
START_S = 300


class NotHere(Exception):
    """The cluster cannot run on this machine; the message says why."""


def fetch_jars():
    wanted = [line.split() for line in (HERE / "jars.txt").read_text().splitlines() if not line.startswith("#")]
    JARS.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(6) as pool:
        return list(pool.map(lambda each: fetch(*each), wanted))


def fetch(name, checksum):
    group, artifact, version = name.split(":")
    path = JARS / f"{group}-{artifact}-{version}.jar"
    if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == checksum:
        return path
    url = f"{MAVEN}/{group.replace('.', '/')}/{artifact}/{version}/{artifact}-{version}.jar"
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            jar = answer.read()
    except (urllib.error.URLError, OSError) as error:
        raise NotHere(f"Maven Central cannot be reached for {artifact}: {error}") from error
    if hashlib.sha256(jar).hexdigest() != checksum:
        raise NotHere(f"{url} is not the file that jars.txt names")
    part = path.with_suffix(f".{os.getpid()}")
    part.write_bytes(jar)
    part.replace(path)
    return path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Node:
    """One JVM: the controller (number 100) or a broker."""

    def __init__(self, cluster, number):
        self.cluster, self.number = cluster, number
        self.directory = cluster.directory / f"node-{number}"
        self.directory.mkdir()
        self.port = free_port()
        self.process = None

    def properties(self):
        controller, replicas = self.cluster.controller, self.cluster.replicas
        name = "CONTROLLER" if self is controller else "PLAINTEXT"
        lines = {
            "process.roles": "controller" if self is controller else "broker", "node.id": self.number,
            "controller.quorum.voters": f"{controller.number}@127.0.0.1:{controller.port}",
            "controller.listener.names": "CONTROLLER", "listeners": f"{name}://127.0.0.1:{self.port}",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "log.dirs": self.directory / "log", "auto.create.topics.enable": "false",
            "default.replication.factor": replicas, "min.insync.replicas": min(replicas, 2), "unclean.leader.election.enable": "false",
            "offsets.topic.replication.factor": replicas, "offsets.topic.num.partitions": 8,
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.min.isr": min(replicas, 2),
            "group.initial.rebalance.delay.ms": 500, "broker.session.timeout.ms": 6000,
            "broker.heartbeat.interval.ms": 1000, "num.network.threads": 2, "num.io.threads": 2,
            "log.cleaner.enable": "false", "group.min.session.timeout.ms": 1000,
        }
        if self is not controller:
            lines["inter.broker.listener.name"] = "PLAINTEXT"
            lines["advertised.listeners"] = f"PLAINTEXT://127.0.0.1:{self.port}"
        return "".join(f"{key}={value}\n" for key, value in lines.items())

    def format(self, like=None):
        """By Kafka's own tool, or, which spares a JVM, as another node was formatted."""
        (self.directory / "server.properties").write_text(self.properties())
        if like:
            log = self.directory / "log"
            log.mkdir()
            shutil.copy(like.directory / "log/bootstrap.checkpoint", log)
            (log / "meta.properties").write_text(
                f"version=1\ncluster.id={CLUSTER_ID}\nnode.id={self.number}\n"
                f"directory.id={base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip('=')}\n")
            return
        self.cluster.java("kafka.tools.StorageTool", "format", "--config", self.directory / "server.properties",
                          "--cluster-id", CLUSTER_ID)

    def start(self):
        with open(self.directory / "out", "ab") as out:
            self.process = subprocess.Popen(self.cluster.command("kafka.Kafka", self.directory / "server.properties"),
                                            stdout=out, stderr=out, cwd=self.directory)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = None


class Cluster:
    def __init__(self, directory, brokers=3):
        if not shutil.which("java"):
            raise NotHere("java is missing; install openjdk-17-jre-headless")
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.jars = ":".join(map(str, fetch_jars()))
        (self.directory / "log4j.properties").write_text(
            "log4j.rootLogger=WARN, stdout\nlog4j.appender.stdout=org.apache.log4j.ConsoleAppender\n"
            "log4j.appender.stdout.layout=org.apache.log4j.PatternLayout\n"
            "log4j.appender.stdout.layout.ConversionPattern=[%d] %p %m (%c)%n\n")
        self.controller = Node(self, 100)
        self.brokers = [Node(self, number) for number in range(1, brokers + 1)]
        self.replicas = min(brokers, 3)

    @property
    def servers(self):
        return ",".join(f"127.0.0.1:{broker.port}" for broker in self.brokers)

    def command(self, main, *arguments):
        return ["java", *HEAP, f"-Dlog4j.configuration=file:{self.directory}/log4j.properties", "-cp", self.jars, main,
                *map(str, arguments)]

    def java(self, main, *arguments, limit_s=START_S, given=None):
        ran = subprocess.run(self.command(main, *arguments), input=given, capture_output=True, text=True, timeout=limit_s)
        if ran.returncode != 0:
            raise RuntimeError(f"{main} {arguments}: {ran.stdout[-2000:]}{ran.stderr[-2000:]}")
        return ran.stdout

    def start(self):
        self.controller.format()
        for broker in self.brokers:
            broker.format(like=self.controller)
        for node in (self.controller, *self.brokers):
            node.start()
        for broker in self.brokers:
            self.wait_for(broker)

    def wait_for(self, broker):
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            if broker.process.poll() is not None:
                raise RuntimeError(f"broker {broker.number} ended: {(broker.directory / 'out').read_text()[-3000:]}")
            with socket.socket() as probe:
                probe.settimeout(1)
                if probe.connect_ex(("127.0.0.1", broker.port)) == 0:
                    return
            time.sleep(0.2)
        raise RuntimeError(f"broker {broker.number} did not listen within {START_S} s")

    def topic(self, name, partitions):
        self.java("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", self.servers, "--create", "--topic", name,
                  "--partitions", partitions, "--replication-factor", self.replicas)

    def put(self, topic, records):
        """Each record: (headers as name:value, key, value)."""
        self.java("kafka.tools.ConsoleProducer", "--bootstrap-server", self.servers, "--topic", topic, "--property",
                  "parse.headers=true", "--property", "parse.key=true",
                  given="".join("\t".join(record) + "\n" for record in records))

    def records(self, topic):
        """How many there are: the ends of its partitions, added up."""
        out = self.java("org.apache.kafka.tools.GetOffsetShell", "--bootstrap-server", self.servers, "--topic", topic)
        return sum(int(line.rsplit(":", 1)[1]) for line in out.split() if line.startswith(topic + ":"))

    def stop(self):
        for node in (*self.brokers, self.controller):
            if node.process:
                node.process.kill()
                node.process.wait()
