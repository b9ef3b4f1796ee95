"""What the drop-in is worth to llama-server: tokens per second, the time to the next token, and
whether the texts are the same.

For each number of slots two servers run, one of them with the drop-in, and are asked in turns: a
turn sends as many requests at once as there are slots, with a seed and a prompt each, the same in
every turn. So the texts can be compared between the servers, and also with what the same server
gave the turn before: the order in which requests arrive decides which of them share a batch, and
that can move the last bits of the logits. Only texts that each server repeats say something about
the drop-in.

Prints JSON, one object a line: first the machine, then one for each setting and number of slots.
Fails if texts differ that each server repeats, or if the drop-in did not take over.
"""
import argparse
import json
import os
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 8},
        "year": {"type": "integer"},
        "verses": {"type": "array", "items": {"type": "string", "minLength": 20}, "minItems": 4},
    },
    "required": ["name", "year", "verses"],
}
SETTINGS = {
    "temperature 0": {"temperature": 0},
    "default": {},
    "repeat penalty 1.1": {"repeat_penalty": 1.1},
    "DRY": {"dry_multiplier": 0.8},
    "top_k 0": {"top_k": 0},
    "everything off": {"top_k": 0, "top_p": 1.0, "min_p": 0.0, "temperature": 1.0},
    "JSON schema": {"json_schema": SCHEMA},
    "n_probs 10": {"n_probs": 10},
    "n_probs 10, post_sampling_probs": {"n_probs": 10, "post_sampling_probs": True},
}
PROMPTS = ["In the beginning", "And the king said", "Blessed are the", "Then came the people",
           "The words of the prophet", "And it came to pass", "Hear, O my son", "By the river"]
# The first turns bring pages in, and let the drop-in see how the program fills its arrays.
WARM_UP = 2


class Server:
    """A llama-server that listens on this machine alone; what it logs goes to a file."""

    def __init__(self, options, slots, dropin):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = probe.getsockname()
        environment = {k: v for k, v in os.environ.items()
                       if k not in ("LD_PRELOAD", "PLUCK_LLAMA") and not k.startswith("LLAMA_ARG_")}
        # The server may have been built before its folder was moved.
        environment["LD_LIBRARY_PATH"] = os.path.abspath(options.lib)
        if dropin:
            environment.update(LD_PRELOAD=os.path.abspath(options.dropin), PLUCK_LLAMA="log")
        self.dropin = dropin
        self.log = tempfile.NamedTemporaryFile(prefix="llama-server.", suffix=".log")
        # One thread: the model is so small that a second one only waits for the first.
        command = [os.path.abspath(options.server), "--model", os.path.abspath(options.model),
                   "--host", "127.0.0.1", "--port", str(self.address[1]), "--threads", "1",
                   "--threads-batch", "1", "--parallel", str(slots), "--ctx-size", str(slots * 512),
                   "--no-kv-unified", "--no-ui", "--no-slots", "--offline", "--fit", "off",
                   "--cache-ram", "0"]
        # ggml looks for its backends in the working directory.
        self.process = subprocess.Popen(command, cwd=options.lib, env=environment, stdout=self.log,
                                        stderr=subprocess.STDOUT)
        try:
            self.wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def wait_until_ready(self):
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise SystemExit("llama-server has ended:\n" + self.logged()[-2000:])
            try:
                with socket.create_connection(self.address, timeout=5) as connection:
                    connection.sendall(b"GET /health HTTP/1.0\r\n\r\n")
                    if b" 200 " in connection.recv(64):
                        return
            except OSError:
                pass
            time.sleep(0.1)
        raise SystemExit("llama-server was not ready after two minutes:\n" + self.logged()[-2000:])

    def logged(self):
        with open(self.log.name, encoding="utf-8", errors="replace") as file:
            return file.read()

    def cpu_seconds(self):
        """The CPU time of all its threads so far. (That of threads that end is lost; those that
        answer requests stay.)"""
        total = 0
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            with open(f"/proc/{self.process.pid}/task/{task}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])
        return 1e-9 * total

    def took_over(self):
        log = self.logged()
        return "pluck: the samplers of libllama" in log and "pluck: first chain: fused" in log

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class Stream:
    """One request and what came back: raw bytes, and when each event came."""

    def __init__(self, address, body):
        self.connection = socket.create_connection(address, timeout=60)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request = b"POST /completion HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" \
                       b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" \
                       % (len(body), body)
        self.received, self.times = bytearray(), []

    def read(self):
        """Takes what has come; is there more to come?"""
        more = self.connection.recv(1 << 16)
        # Events are counted now and read later, so that the client takes little of the machine. The
        # server sends each in a chunk of its own, after the line with the chunk's size.
        start = b"\r\ndata: "
        n = (self.received[1 - len(start):] + more).count(start)
        self.times += [time.monotonic()] * n
        self.received += more
        return bool(more)

    def events(self):
        head, _, rest = bytes(self.received).partition(b"\r\n\r\n")
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            raise SystemExit("llama-server answered "
                             + self.received[:500].decode(errors="replace"))
        body = b""
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            n = int(size, 16)
            body, rest = body + rest[:n], rest[n + 2:]
        return [json.loads(line[6:]) for line in body.split(b"\n") if line.startswith(b"data: {")]


class Reply:
    """One text: what is compared, how many tokens, and the times between them."""

    def __init__(self, stream):
        events = stream.events()
        if not events or not events[-1].get("stop"):
            raise SystemExit("llama-server stopped in the middle of a text")
        self.text = "".join(e["content"] for e in events)
        self.tokens = [t for e in events for t in e["tokens"]]
        self.n_tokens = events[-1]["tokens_predicted"]
        self.shown = [shown_of(p) for e in events for p in e.get("completion_probabilities", [])]
        self.gaps = [b - a for a, b in zip(stream.times, stream.times[1:])]

    def same_as(self, other):
        return (self.text == other.text and self.tokens == other.tokens and
                len(self.shown) == len(other.shown) and
                all(same_shown(a, b) for a, b in zip(self.shown, other.shown)))


def shown_of(probabilities):
    """[(token, probability or its logarithm), ...]: the token and the likeliest ones."""
    top = probabilities.get("top_probs", probabilities.get("top_logprobs"))
    return [(p["id"], p.get("prob", p.get("logprob"))) for p in [probabilities, *top]]


def same_shown(a, b):
    """The same candidates, with the same probabilities but for rounding."""
    return len(a) == len(b) and all(x == y and abs(p - q) <= 1e-4 * max(1, abs(p))
                                    for (x, p), (y, q) in zip(a, b))


def turn(server, slots, setting, n_tokens):
    """All slots busy at once; returns the replies, the seconds that they took, and the server's
    seconds of CPU time."""
    streams = []
    for i in range(slots):
        body = {"prompt": PROMPTS[i % len(PROMPTS)], "seed": 4711 + i, "n_predict": n_tokens,
                "stream": True, "cache_prompt": False, "ignore_eos": "json_schema" not in setting,
                **setting}
        streams.append(Stream(server.address, json.dumps(body).encode()))
    with selectors.DefaultSelector() as selector:
        start, cpu = time.monotonic(), server.cpu_seconds()
        for stream in streams:
            stream.connection.sendall(stream.request)
            selector.register(stream.connection, selectors.EVENT_READ, stream)
        while selector.get_map():
            ready = selector.select(120)
            if not ready:
                raise SystemExit("llama-server said nothing for two minutes:\n"
                                 + server.logged()[-2000:])
            for key, _ in ready:
                if not key.data.read():
                    selector.unregister(key.fileobj)
                    key.data.connection.close()
        seconds, cpu = time.monotonic() - start, server.cpu_seconds() - cpu
    return [Reply(stream) for stream in streams], seconds, cpu


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))]


def agree(replies, others):
    return [a.same_as(b) for a, b in zip(replies, others)]


class Tally:
    """What the rounds of one setting come to."""

    def __init__(self):
        self.per_second, self.cpu, self.gaps = ([], []), ([], []), ([], [])
        self.n_texts = self.n_same = self.n_repeated = self.n_wrong = 0

    def add_times(self, side, replies, seconds, cpu):
        n = sum(reply.n_tokens for reply in replies)
        self.per_second[side].append(n / seconds)
        self.cpu[side].append(1e3 * cpu / n)
        self.gaps[side].extend(gap for reply in replies for gap in reply.gaps)

    def add_texts(self, replies, before):
        same = agree(*replies)
        repeated = [agree(replies[side], before[side]) for side in (0, 1)]
        self.n_texts += len(same)
        self.n_same += sum(same)
        self.n_repeated += sum(repeated[0])
        self.n_wrong += sum(not a and b and c for a, b, c in zip(same, *repeated))

    def figures(self):
        result = {"rounds": len(self.per_second[0])}
        for side, label in enumerate(("without", "with")):
            result[label + "_per_s"] = round(statistics.median(self.per_second[side]), 1)
            result[label + "_cpu_ms"] = round(statistics.median(self.cpu[side]), 4)
            result[label + "_p50_ms"] = round(1e3 * percentile(self.gaps[side], 0.5), 3)
            result[label + "_p99_ms"] = round(1e3 * percentile(self.gaps[side], 0.99), 3)
        ratios = [b / a for a, b in zip(*self.per_second)]
        cpu_ratios = [a / b for a, b in zip(*self.cpu)]
        return {**result, "ratio": round(statistics.median(ratios), 3),
                "cpu_ratio": round(statistics.median(cpu_ratios), 3), "texts": self.n_texts,
                "same": self.n_same, "without_repeated": self.n_repeated, "wrong": self.n_wrong}


def measure(servers, slots, name, options):
    """One setting: rounds of two turns, until there are enough of them or the time is over."""
    tally, before = Tally(), [None, None]
    begun = time.monotonic()
    for number in range(-WARM_UP, options.rounds):
        if number >= 3 and time.monotonic() - begun > options.seconds:
            break
        replies = [None, None]
        for side in ((0, 1), (1, 0))[number % 2]:
            replies[side], *times = turn(servers[side], slots, SETTINGS[name], options.tokens)
            if number >= 0:
                tally.add_times(side, replies[side], *times)
        if number >= 0:
            tally.add_texts(replies, before)
        before = replies
    return {"setting": name, "slots": slots, "tokens": options.tokens, **tally.figures()}


def machine():
    with open("/proc/cpuinfo", encoding="ascii") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return {"machine": names[0] if names else "unknown", "cpus": len(os.sched_getaffinity(0)),
            "load": round(os.getloadavg()[0], 1)}


def run(options):
    print(json.dumps({**machine(), "model": os.path.basename(options.model),
                      "libllama": options.version}), flush=True)
    failures = []
    for slots in options.slots:
        servers = []
        try:
            for dropin in (False, True):
                servers.append(Server(options, slots, dropin))
            for name in options.settings:
                figures = measure(servers, slots, name, options)
                print(json.dumps({**figures, "load": machine()["load"]}), flush=True)
                if figures["wrong"]:
                    failures.append(f"{name}, {slots} slots: {figures['wrong']} texts differ")
            if not servers[1].took_over():
                failures.append(f"{slots} slots: the drop-in did not take over:\n"
                                + servers[1].logged()[:2000])
        finally:
            for server in servers:
                server.stop()
    for failure in failures:
        print("server_load: " + failure, file=sys.stderr)
    return 1 if failures else 0


def parse():
    def numbers(text):
        values = [int(word) for word in text.split(",")]
        if not all(1 <= value <= 256 for value in values):
            raise argparse.ArgumentTypeError(f"not numbers of slots from 1 to 256: {text}")
        return values

    def at_least_one(text):
        if int(text) < 1:
            raise argparse.ArgumentTypeError(f"less than 1: {text}")
        return int(text)

    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    for name, meaning in (("server", "llama-server"), ("dropin", "libpluck_llama_preload.so"),
                          ("lib", "the folder of libllama and ggml's backends"),
                          ("model", "a GGUF file"), ("version", "libllama's version, to record")):
        parser.add_argument("--" + name, required=True, help=meaning)
    parser.add_argument("--slots", type=numbers, default=[1, 8, 32], help="such as 1,8,32")
    parser.add_argument("--settings", action="append", choices=list(SETTINGS),
                        help="one of them; can be repeated (default: all)")
    parser.add_argument("--rounds", type=at_least_one, default=15, help="at most, of each setting")
    parser.add_argument("--seconds", type=at_least_one, default=10,
                        help="after these a setting has no more rounds than three")
    parser.add_argument("--tokens", type=at_least_one, default=32, help="of each text")
    options = parser.parse_args()
    options.settings = options.settings or list(SETTINGS)
    return options


if __name__ == "__main__":
    sys.exit(run(parse()))
