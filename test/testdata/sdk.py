"""A script of the kind people write with Docker's library for Python: python3 sdk.py IMAGE"""
import sys

import docker

image = sys.argv[1]
client = docker.from_env(version="1.41")
client.ping()
assert client.containers.run(image, "echo hello", remove=True) == b"hello\n"

network = client.networks.create("sdk", driver="bridge")
volume = client.volumes.create("sdk")
container = client.containers.create(
    image, ["sh", "-c", "trap exit TERM; echo up; while :; do sleep 1; done"], name="sdk", network="sdk",
    volumes={"sdk": {"bind": "/data", "mode": "rw"}}, environment={"A": "b"}, mem_limit="64m", labels={"a": "b"},
    restart_policy={"Name": "on-failure", "MaximumRetryCount": 2}, healthcheck={"test": ["CMD", "true"]})
container.start()
code, output = container.exec_run("env", user="65534", environment={"C": "d"})
assert code == 0 and b"C=d" in output, output
assert container.stats(stream=False)["id"] == container.id
assert b"up" in container.logs()
assert client.containers.list(filters={"label": "a=b"}) == [container]
container.rename("renamed")
container.reload()
assert container.name == "renamed" and container.attrs["State"]["Running"]
container.commit("sdk", "1")
container.stop(timeout=2)
container.remove(v=True)
client.images.remove("sdk:1")
volume.remove()
network.remove()
print("done")
