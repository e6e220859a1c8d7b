package operate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"caisson/test/engine"
)

// registry starts one with a certificate of its own, under the name that stands in the documents, and pushes two images there.
const registry = `
echo '127.0.0.1 registry.example.com' >> /etc/hosts
mkdir /srv/registry && cd /srv/registry
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 1 -subj /CN=registry.example.com \
	-addext subjectAltName=DNS:registry.example.com 2>/dev/null
cat cert.pem >> /etc/ssl/certs/ca-certificates.crt
cat > config.yml <<END
version: 0.1
storage: {filesystem: {rootdirectory: /srv/registry/data}}
http: {addr: "127.0.0.1:443", tls: {certificate: /srv/registry/cert.pem, key: /srv/registry/key.pem}}
END
systemd-run --quiet --unit=registry "$REGISTRY" serve /srv/registry/config.yml
systemctl restart docker.service # which has read the certificates of authorities
docker create --name box $IMAGE true
for name in app unsigned; do
	docker commit --change "LABEL name=$name" box registry.example.com/team/$name:1
	timeout 60 bash -c "until docker push registry.example.com/team/$name:1; do sleep 1; done"
done
docker rm box
`

// TestFirstSignedImage goes from no certificate to an image that runs, and one that does not, with the commands of
// docs/first-signed-image.md and the real notation.
func TestFirstSignedImage(t *testing.T) {
	const document = "docs/first-signed-image.md"
	page, err := os.ReadFile(filepath.Join(root, document))
	if err != nil {
		t.Fatal(err)
	}
	onEach(t, func(t *testing.T, version engine.Version) {
		notation, hub := engine.Notation(t), engine.Registry(t)
		m := boot(t, version, document)
		m.do("ln -s " + notation + " /usr/local/bin/notation")
		m.do(strings.NewReplacer("$REGISTRY", hub, "$IMAGE", engine.Image).Replace(registry))
		for _, block := range []string{"install", "service", "on", "enforce"} {
			m.follow(block)
		}

		for _, block := range []string{"certificates", "key", "sign", "trust", "network"} {
			m.follow(block)
		}
		unsigned := strings.ReplaceAll(m.blocks["run"], "/app:", "/unsigned:")
		m.do(unsigned) // the rule only watches
		m.follow("verify")
		if out, err := m.output(strings.ReplaceAll(m.blocks["verify"], "/app:", "/unsigned:")); err == nil || !strings.Contains(out, "(unsigned)") {
			t.Errorf("verify: %v: %s", err, out)
		}
		m.follow("enforce-images")

		m.do("docker image rm registry.example.com/team/app:1 registry.example.com/team/unsigned:1")
		m.must("what is signed runs", func() bool {
			out, err := m.output(m.blocks["run"])
			return err == nil && strings.HasSuffix(out, "hello\n")
		})
		out, err := m.output(unsigned)
		_, refusal, _ := strings.Cut(out, "docker: ")
		refusal, _, _ = strings.Cut(refusal, " (decision ")
		if err == nil || refusal == "" || !strings.Contains(string(page), refusal) {
			t.Errorf("%s shows another refusal than this: %v: %s", document, err, out)
		}
	})
}
