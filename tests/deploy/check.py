"""The files of native-host/deploy against what reads them, and against the program they start.

A schema knows which fields there are; whether a probe's path is answered, a variable is read and
the autoscaler's metric exists, only the program knows. So a server is started as the Deployment
starts it, on loopback. One line per case, as `cargo xtask test` counts them.
"""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import kubernetes_validate
import yaml
from compose_spec import PyCompose

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = ROOT / "native-host" / "deploy"
TOKEN = "a-secret-of-this-test"
# The start of a debug build on a busy machine.
PATIENCE_S = 60
USUAL_PORT = 11434


class Skip(Exception):
    """The case cannot run here."""


def documents():
    return list(yaml.safe_load_all((FILES / "kubernetes.yaml").read_text()))


def document(kind):
    return next(doc for doc in documents() if doc["kind"] == kind)


def pod():
    return document("Deployment")["spec"]["template"]["spec"]


def program():
    binary = os.environ.get("INGLE_BIN")
    if not binary:
        raise Skip("INGLE_BIN names no program")
    return binary


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def environment(container, **more):
    """The container's variables as Kubernetes would fill them in, and nothing of this machine."""
    values = {}
    for variable in container["env"]:
        values[variable["name"]] = variable.get("value", TOKEN)
    values["NAMESPACE"] = "default"
    for name, value in values.items():
        values[name] = re.sub(r"\$\((\w+)\)", lambda found: values[found[1]], value)
    return values | {name: str(value) for name, value in more.items()}


class Server:
    """`ingle serve` with the Deployment's arguments and variables, on a free port."""

    def __init__(self, folder, args=("serve",), **more):
        self.port = free_port()
        env = environment(
            pod()["containers"][0],
            OLLAMA_HOST=f"127.0.0.1:{self.port}",
            OLLAMA_MODELS=folder / "models",
            HOME=folder / "models",
            XDG_CACHE_HOME=folder / "tmp",
            **more,
        )
        # Its log is for a person who looks into a failure.
        log = None if os.environ.get("VERBOSE") else subprocess.DEVNULL
        self.process = subprocess.Popen(
            [program(), *args], env=env, stdin=subprocess.DEVNULL, stderr=log
        )
        self.env = env

    def __enter__(self):
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end and self.process.poll() is None:
            if self.get("/livez")[0] == 200:
                return self
            time.sleep(0.05)
        self.__exit__()
        raise AssertionError("the server did not start")

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def get(self, path, headers=None):
        """Status and text; 0 where nobody answers."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""


def scratch():
    return tempfile.TemporaryDirectory(prefix="ingle-deploy-")


def the_container_file_has_no_findings():
    # pip puts it beside the interpreter of this environment, which is on nobody's path.
    hadolint = shutil.which("hadolint", path=str(pathlib.Path(sys.executable).parent))
    if not hadolint:
        raise Skip("there is no hadolint for this system")
    found = subprocess.run(
        [hadolint, "--no-color", FILES / "Containerfile"], capture_output=True, text=True
    )
    assert found.returncode == 0, found.stdout + found.stderr


def what_the_container_file_copies_is_there():
    text = (FILES / "Containerfile").read_text()
    stages = set(re.findall(r"(?m)^FROM \S+ AS (\w+)$", text))
    assert set(re.findall(r"--from=(\w+)", text)) <= stages, stages
    user = re.search(r"(?m)^USER (\d+):(\d+)$", text)
    context = pod()["securityContext"]
    assert user, "the image runs as root"
    assert [int(user[1]), int(user[2])] == [context["runAsUser"], context["runAsGroup"]]
    assert "install -d -o 65532 -g 65532 /models" in text and user[1] == "65532"


def compose_understands_its_file():
    text = (FILES / "compose.yaml").read_text()
    compose = PyCompose.from_yaml(text)
    compose.validate()
    assert sorted(compose.service_names()) == ["registry", "server"]
    # The library is as strict as compose is, or this proves nothing.
    for wrong in [("read_only:", "readonly:"), ("_healthy", "healthy"), ("cap_drop", "drop")]:
        try:
            PyCompose.from_yaml(text.replace(*wrong, 1))
        except ValueError:
            continue
        raise AssertionError(f"{wrong[1]} was accepted")


def kubernetes_knows_every_field():
    for doc in documents():
        kubernetes_validate.validate(doc, kubernetes_validate.latest_version(), strict=True)
    wrong = document("Deployment")
    wrong["spec"]["template"]["spec"]["containers"][0]["livenessprobe"] = {}
    try:
        kubernetes_validate.validate(wrong, kubernetes_validate.latest_version(), strict=True)
    except kubernetes_validate.ValidationError:
        return
    raise AssertionError("a field that does not exist was accepted")


def the_objects_name_each_other():
    deployment = document("Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert document("Service")["spec"]["selector"].items() <= labels.items()
    budget = document("PodDisruptionBudget")["spec"]["selector"]["matchLabels"]
    assert budget.items() <= labels.items()
    target = document("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", deployment["metadata"]["name"])
    ports = {port["name"] for port in pod()["containers"][0]["ports"]}
    assert {port["targetPort"] for port in document("Service")["spec"]["ports"]} <= ports
    key = pod()["initContainers"][0]["env"][0]["valueFrom"]["configMapKeyRef"]
    config = document("ConfigMap")
    assert key["name"] == config["metadata"]["name"] and key["key"] in config["data"]
    for container in pod()["initContainers"] + pod()["containers"]:
        locked = container["securityContext"]
        assert locked["readOnlyRootFilesystem"] and not locked["allowPrivilegeEscalation"]
        assert {mount["name"] for mount in container["volumeMounts"]} == {"models", "tmp"}


def every_variable_is_read():
    binary = pathlib.Path(program()).read_bytes()
    named = set(re.findall(r"\b(?:OLLAMA|INGLE)_[A-Z_]+\b", all_texts()))
    assert len(named) > 5, named
    unread = sorted(name for name in named if name.encode() not in binary)
    assert unread == [], unread


def all_texts():
    names = ["Containerfile", "compose.yaml", "kubernetes.yaml", "README.md"]
    return "\n".join((FILES / name).read_text() for name in names)


def probes_are_answered_without_the_token():
    container = pod()["containers"][0]
    with scratch() as folder, Server(pathlib.Path(folder)) as server:
        for kind in ["startupProbe", "livenessProbe", "readinessProbe"]:
            probe = container[kind]["httpGet"]
            headers = {header["name"]: header["value"] for header in probe["httpHeaders"]}
            assert server.get(probe["path"], headers) == (200, "ok"), kind
        assert server.get("/api/tags")[0] == 401
        # The health check of the image is a command.
        text = (FILES / "Containerfile").read_text()
        command = re.search(r'HEALTHCHECK .*CMD \["ingle", "(\w+)"\]', text)[1]
        check = subprocess.run([program(), command], env=server.env, capture_output=True)
        assert check.returncode == 0, check.stderr
        stranger = subprocess.run(
            [program(), command], env=server.env | {"INGLE_TOKEN": "wrong"}, capture_output=True
        )
        assert stranger.returncode != 0 and b"token" in stranger.stderr, stranger.stderr


def the_service_is_called_by_its_names():
    with scratch() as folder, Server(pathlib.Path(folder)) as server:
        for host, status in [
            ("ingle:11434", 200),
            ("ingle.default.svc.cluster.local", 200),
            ("ingle.other.svc.cluster.local", 403),
        ]:
            headers = {"Host": host, "Authorization": f"Bearer {TOKEN}"}
            assert server.get("/api/version", headers)[0] == status, host


def the_autoscalers_metric_exists():
    metrics = document("HorizontalPodAutoscaler")["spec"]["metrics"]
    with scratch() as folder, Server(pathlib.Path(folder)) as server:
        status, text = server.get("/metrics", {"Authorization": f"Bearer {TOKEN}"})
    assert status == 200, text
    for metric in metrics:
        name = metric["pods"]["metric"]["name"]
        assert f"# TYPE {name} gauge\n" in text and f"\n{name} 0\n" in text, name
        assert name in (FILES / "README.md").read_text()


def a_replica_fills_its_store_before_it_starts():
    """The init container's command, from another server's registry instead of an OCI one."""
    models = os.environ.get("INGLE_SEEDED")
    if not models:
        raise Skip("INGLE_SEEDED names no folder of models")
    with socket.socket() as usual:
        if usual.connect_ex(("127.0.0.1", USUAL_PORT)) == 0:
            raise Skip(f"something listens on port {USUAL_PORT} already")
    with scratch() as folder:
        folder = pathlib.Path(folder)
        with Server(folder / "registry", ("serve", "--registry"), INGLE_TOKEN="") as registry:
            modelfile = folder / "Modelfile"
            modelfile.write_text(f"FROM {pathlib.Path(models) / 'llama-tied.gguf'}\n")
            run(["create", "chat", "-f", str(modelfile)], registry.env)
            name = f"127.0.0.1:{registry.port}/library/chat:latest"
            pull = pod()["initContainers"][0]
            args = [arg.replace("$(MODEL)", name) for arg in pull["args"]]
            store = {"OLLAMA_MODELS": folder / "models", "HOME": folder / "models"}
            run([*args, "--insecure"], environment(pull, **store))
        with Server(folder) as server:
            token = {"Authorization": f"Bearer {TOKEN}"}
            status, text = server.get("/api/tags", token)
            assert status == 200 and name in text, text


def run(args, env):
    command = [program(), *args]
    done = subprocess.run(
        command, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_S
    )
    assert done.returncode == 0, f"{args}: {done.stderr.decode()}"


CASES = [
    the_container_file_has_no_findings,
    what_the_container_file_copies_is_there,
    compose_understands_its_file,
    kubernetes_knows_every_field,
    the_objects_name_each_other,
    every_variable_is_read,
    probes_are_answered_without_the_token,
    the_service_is_called_by_its_names,
    the_autoscalers_metric_exists,
    a_replica_fills_its_store_before_it_starts,
]


def main():
    failed = 0
    for case in CASES:
        name = case.__name__.replace("_", " ")
        try:
            case()
            print(f"ok {name}", flush=True)
        except Skip as reason:
            print(f"SKIPPED {name}: {reason}", flush=True)
        except Exception as error:  # whatever it is, the next case still runs
            failed += 1
            print(f"FAILED {name}: {type(error).__name__}: {error}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
