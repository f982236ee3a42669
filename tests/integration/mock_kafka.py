"""A mock Kafka cluster beside the test: librdkafka's own, led by mock_kafka.c."""
import json
import os
import pathlib
import subprocess

import pytest

from harness import ENVIRONMENT, PROGRAM, Process

MOCK = pathlib.Path(PROGRAM).parent / "integration" / "mock_kafka"
PRODUCE, FETCH, JOIN_GROUP, OFFSET_COMMIT, SYNC_GROUP = 0, 1, 11, 8, 14  # Kafka's numbers of requests
NOT_LEADER, NOT_ENOUGH_REPLICAS, TIMED_OUT, TOPIC_FORBIDDEN, REBALANCE = 6, 19, 7, 29, 27  # and of errors


class MockKafka(Process):
    def __init__(self, brokers=3):
        if "tsan" in MOCK.parts:
            pytest.skip("not run: librdkafka starts its threads in a way (thrd_create) that the thread sanitizer does not know")
        if not os.access(MOCK, os.X_OK):
            pytest.skip("not run: %s is not built; it needs librdkafka-dev" % MOCK)
        super().__init__([str(MOCK), str(brokers)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRONMENT)
        self.brokers = brokers
        self.servers = self.popen.stdout.readline().split()[1]

    def ask(self, *words):
        self.popen.stdin.write(" ".join(map(str, words)) + "\n")
        self.popen.stdin.flush()
        lines = []
        while True:
            line = self.popen.stdout.readline()
            if line == "done\n":
                return lines
            assert line and not line.startswith("refused"), "%s: %s" % (words, line or "the mock cluster ended")
            lines.append(line)

    def topic(self, name="segmo.events", partitions=6):
        self.ask("topic", name, partitions, min(self.brokers, 3))
        return self

    def records(self, topic="segmo.events", partitions=6):
        """Everything in the topic, oldest first in each partition."""
        return [json.loads(line) for line in self.ask("read", topic, partitions)]
