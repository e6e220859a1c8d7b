package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"caisson/test/engine"
)

// A step is a command line of a flow, and what its output must contain. IMAGE in it is the test image.
type step struct{ command, want string }

// flow runs steps with the clients people use. All must pass; if one is refused, the message names what Caisson refused.
func flow(t *testing.T, e *engine.Engine, steps []step) {
	t.Helper()
	for _, s := range steps {
		before := len(refusals(t, e.Caisson))
		result := e.Run(exec.Command("timeout", "120", "sh", "-c", strings.ReplaceAll(s.command, "IMAGE", engine.Image)))
		if result.Code != 0 || !strings.Contains(result.Stdout+result.Stderr, s.want) {
			t.Fatalf("%s: exit %d; want %q\n%s%s\nrefused: %s", s.command, result.Code, s.want, result.Stdout, result.Stderr,
				strings.Join(refusals(t, e.Caisson)[before:], "\n"))
		}
	}
}

// refusals lists what Caisson has refused so far, by its audit log.
func refusals(t *testing.T, c *engine.Caisson) (list []string) {
	t.Helper()
	records, err := c.Audit()
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, r := range records {
		if r["passed"] == false {
			list = append(list, fmt.Sprint(r["method"], " ", r["path"], ": ", r["verdict"], " ", r["violations"], r["error"]))
		}
	}
	return list
}

// sleeper runs until it is told to stop, and then stops at once.
const sleeper = `sh -c "trap exit TERM; while :; do sleep 1; done"`

var containerFlow = []step{
	{"docker run --rm IMAGE echo hello", "hello"},
	{"docker run --detach --name=web --hostname=web --volume=data:/data --publish=127.0.0.1::80 --restart=unless-stopped --env=A=b " +
		"--label=tier=front --health-cmd=true --memory=64m --cpus=0.5 IMAGE " + sleeper, ""},
	{"docker exec web touch /data/file", ""},
	{"docker exec --user=65534 --workdir=/tmp --env=C=d web env", "C=d"},
	{"echo input | docker exec --interactive web cat", "input"},
	{"echo input | docker run --rm --interactive IMAGE cat", "input"},
	{"script --quiet --return --command 'docker run --rm --interactive --tty IMAGE tty' /dev/null", "/dev/pts/0"},
	{"docker create --interactive --name=attached IMAGE cat && echo attached | docker start --attach --interactive attached", "attached"},
	{"docker run --detach --name=talk IMAGE sh -c 'sleep 1; echo done' && docker attach talk", "done"},
	{"docker logs talk", "done"},
	{"docker wait talk", "0"},
	{"docker ps --all --filter=label=tier=front", "web"},
	{"docker inspect --format={{.State.Running}} web", "true"},
	{"docker stats --no-stream web", "web"},
	{"docker top web", "sleep"},
	{"docker port web", "127.0.0.1"},
	{"docker diff talk", ""},
	{"docker pause web && docker unpause web", "web"},
	{"docker update --memory=96m --memory-swap=192m web", "web"},
	{"docker restart --time=2 web", "web"},
	{"docker rename talk told && docker inspect told", "told"},
	{"docker cp web:/data/file - | tar --list", "file"},
	{"docker kill web && docker stop attached && docker rm --volumes told attached web", "web"},
	{"docker container prune --force", ""},
}

var objectFlow = []step{
	{"docker volume create --label=a=b kept", "kept"},
	{"docker run --rm --volume=kept:/d IMAGE touch /d/file", ""},
	{"docker run --rm --mount=type=volume,source=kept,target=/d,readonly IMAGE ls /d", "file"},
	{"docker run --rm --mount=type=tmpfs,target=/t --tmpfs=/u IMAGE touch /t/a /u/b", ""},
	{"docker volume ls && docker volume inspect kept", "kept"},
	{"docker volume rm kept && docker volume prune --force", ""},
	{"docker network create --subnet=10.11.0.0/24 front && docker network create --internal back", ""},
	{"docker run --detach --name=app --network=front --network-alias=alias --ip=10.11.0.9 IMAGE " + sleeper, ""},
	{"docker network connect --alias=other back app && docker network inspect back", "app"},
	{"docker run --rm --network=front IMAGE ping -c 1 alias", "10.11.0.9"},
	{"docker network disconnect back app && docker network ls", "back"},
	{"docker commit --message=m app made:1 && docker tag made:1 made:2", "sha256"},
	{"docker save --output=$DOCKER_CONFIG.tar made:2 && docker rmi made:1 made:2 && docker load --input=$DOCKER_CONFIG.tar", "made:2"},
	{"docker export app | docker import - flat:1 && docker images", "flat"},
	{"docker history made:2 && docker image inspect made:2", "made"},
	{"docker rm --force app && docker network rm front back && docker network prune --force", ""},
	{"docker image prune --force && docker system df && docker info && docker version", "Server"},
	{"docker events --since=1m --until=0s", "create"},
}

var buildFlow = []step{
	{"mkdir $DOCKER_CONFIG.ctx && cd $DOCKER_CONFIG.ctx && printf 'FROM IMAGE\\nARG WHO\\nCOPY file /file\\nRUN echo $WHO >/made\\n" +
		"HEALTHCHECK CMD true\\nUSER 65534\\nCMD [\"cat\",\"/file\",\"/made\"]\\n' >Dockerfile && echo copied >file", ""},
	{"DOCKER_BUILDKIT=0 docker build --build-arg=WHO=me --label=l=m --tag=built:1 $DOCKER_CONFIG.ctx", "Successfully tagged built:1"},
	{"docker run --rm built:1", "me"},
	{"docker builder prune --force", ""},
}

// hardenedFlow is what the profile restricted wants of a command line.
const hardenedFlow = "--user=65534:65534 --cap-drop=ALL --security-opt=no-new-privileges --read-only --memory=64m --memory-swap=64m " +
	"--pids-limit=32 --cpus=0.5 --tmpfs=/scratch:rw,noexec,nosuid,nodev,mode=1777,size=1m --log-opt=max-size=1m --network=app "

func TestFlows(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		e := guarded(t, version, baseline)
		for name, steps := range map[string][]step{"containers": containerFlow, "objects": objectFlow, "build": buildFlow} {
			t.Run(name, func(t *testing.T) { flow(t, e, steps) })
		}
	})
}

func TestHardenedFlow(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		e := guarded(t, version, permissive)
		must(t, e, "network", "create", "app")
		// The engine with containerd's image store knows the digest of an image that was never in a registry; the other one does not.
		image := strings.TrimSpace(e.Docker("image", "inspect", "--format={{range .RepoDigests}}{{.}}{{end}}", engine.Image).Stdout)
		restricted := "version = 1\nprofile = \"restricted\"\n"
		if image == "" {
			image = engine.Image
			restricted += "[rules.image-reference]\nrequire_digest = false\n"
		}
		id := strings.TrimSpace(e.Docker("image", "inspect", "--format={{.Id}}", engine.Image).Stdout)
		restricted += "[image_trust]\nallow_digests = [\"" + id + "\"]\n" // nobody has signed it
		setPolicy(t, e.Caisson, restricted)
		flow(t, e, []step{
			{"docker run --rm " + hardenedFlow + image + " id", "uid=65534"},
			{"docker run --detach --name=hard --init " + hardenedFlow + image + " " + sleeper, ""},
			{"docker exec --user=65534:65534 hard touch /scratch/file && docker logs hard && docker stop --time=2 hard && docker rm hard", "hard"},
		})
		if result := e.Docker("run", "--rm", image, "true"); result.Code == 0 {
			t.Error("an ordinary container ran")
		}
	})
}

// TestCompose runs docker-compose 1.29 and Docker's library for Python, which it comes with.
func TestCompose(t *testing.T) {
	for _, tool := range []string{"docker-compose", "python3"} {
		if _, err := os.Stat(filepath.Join("/usr/bin", tool)); err != nil {
			t.Skip("there is no " + tool)
		}
	}
	file, err := filepath.Abs("testdata/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	onEach(t, func(t *testing.T, version engine.Version) {
		e := guarded(t, version, baseline)
		compose := "docker-compose --ansi=never --project-name=demo --file=" + file + " "
		recreate := "LEVEL=debug " + compose + "up --detach"
		if version == engine.Newest {
			// This docker-compose needs to be told of an API that the engine still has, and cannot recreate: the engine no longer
			// says what an image's own volumes are in the place where it looks.
			compose = "COMPOSE_API_VERSION=1.44 " + compose
			recreate = compose + "rm --force --stop web && LEVEL=debug " + compose + "up --detach"
		}
		flow(t, e, []step{
			{compose + "up --detach", "web"},
			{compose + "ps", "demo_web_1"},
			{compose + "exec -T web touch /data/file", ""},
			{recreate, "demo_web_1"},
			{compose + "exec -T web env", "LEVEL=debug"},
			{compose + "exec -T web ls /data", "file"},
			{compose + "run --rm web echo once", "once"},
			{compose + "logs --tail=1 web && " + compose + "restart --timeout=2", ""},
			{compose + "down --volumes --timeout=2", "Removing network"},
			{"python3 testdata/sdk.py IMAGE", "done"},
		})
	})
}
