package packaging

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"caisson/test/engine"
)

// TestRelease builds a release twice, in different folders, and compares it byte by byte; and the program once more with nothing that the Go
// command remembers.
func TestRelease(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds everything twice")
	}
	engine.Need(t, "dpkg-deb", "jq", "git")
	const version = "v1.2.3"
	sources := copySources(t)
	first := release(t, version, sources)
	moved := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.Rename(sources, moved); err != nil {
		t.Fatal(err)
	}
	second := release(t, version, moved)
	sums, err := os.ReadFile(filepath.Join(first, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	if other, err := os.ReadFile(filepath.Join(second, "SHA256SUMS")); err != nil || string(other) != string(sums) {
		t.Errorf("two builds differ, or %v:\n%s\n%s", err, sums, other)
	}
	cold := filepath.Join(t.TempDir(), "caisson")
	script(t, []string{"VERSION=" + version, "REVISION=" + revision, "GOCACHE=" + t.TempDir()}, filepath.Join(moved, "hack/build"), cold, "amd64")
	program, err := os.ReadFile(cold)
	if folder := "caisson-" + version + "-linux-amd64"; err != nil || string(program) != unpack(t, filepath.Join(first, folder+".tar.gz"))[folder+"/caisson"] {
		t.Errorf("without a cache, the program is another one, or %v", err)
	}

	// What is the same is also what was published.
	check := exec.Command("sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS")
	check.Dir = first
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("checksums: %v: %s", err, out)
	}

	names := []string{"SHA256SUMS"}
	for _, arch := range []string{"amd64", "arm64"} {
		tail := version + "-linux-" + arch
		for _, name := range []string{"caisson-" + tail + ".tar.gz", "caisson-" + tail + ".cdx.json", "caisson-plugin-" + tail + ".tar.gz", "caisson-plugin-network-" + tail + ".tar.gz", "caisson_1.2.3-1_" + arch + ".deb"} {
			names = append(names, name)
			if name != "SHA256SUMS" && !strings.Contains(string(sums), "  "+name+"\n") {
				t.Errorf("%s is not in SHA256SUMS", name)
			}
		}
		checkArchives(t, first, tail, arch)
		checkBill(t, filepath.Join(first, "caisson-"+tail+".cdx.json"), filepath.Join(first, "caisson-"+tail+".tar.gz"), "caisson-"+tail+"/caisson")
	}
	slices.Sort(names)
	if got := strings.Split(list(t, first), "\n"); !slices.Equal(got, names) {
		t.Errorf("the release holds %q, want %q", got, names)
	}
}

const revision = "0123456789abcdef0123456789abcdef01234567"

// copySources copies the sources, as they are committed or about to be, to a folder of their own.
func copySources(t *testing.T) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "sources")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	// Files that were removed, but not yet in a commit, are listed too.
	cmd := exec.Command("sh", "-c", `git ls-files --cached --others --exclude-standard -z | xargs -0 sh -c 'for f; do [ ! -e "$f" ] || printf "%s\0" "$f"; done' - |
		tar --create --null --files-from=- | tar --extract --directory="$0"`, folder)
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return folder
}

// release builds a release from the sources in a folder, and returns where it is.
func release(t *testing.T, version, sources string) string {
	t.Helper()
	cache := os.Getenv("CAISSON_CACHE")
	if cache == "" {
		cache, _ = filepath.Abs("../../.cache")
	}
	out := filepath.Join(t.TempDir(), "dist")
	script(t, []string{"VERSION=" + version, "REVISION=" + revision, "CAISSON_CACHE=" + cache}, filepath.Join(sources, "hack/release"), out)
	return out
}

// checkArchives checks what the archives and the package of an architecture hold: the same program, and who owns it when.
func checkArchives(t *testing.T, dir, tail, arch string) {
	t.Helper()
	program := ""
	for _, name := range []string{"caisson-", "caisson-plugin-", "caisson-plugin-network-"} {
		folder := name + tail
		files := unpack(t, filepath.Join(dir, folder+".tar.gz"))
		for _, want := range map[string][]string{
			"caisson-":                {"caisson", "install", "uninstall", "in-use", "policy.toml", "LICENCES", "README.md", "docs/install.md", "man/caisson.1", "completions/caisson.bash", "systemd/caisson.service"},
			"caisson-plugin-":         {"config.json", "rootfs/usr/bin/caisson"},
			"caisson-plugin-network-": {"config.json", "rootfs/usr/bin/caisson"},
		}[name] {
			if files[folder+"/"+want] == "" {
				t.Errorf("%s lacks %s: %q", folder, want, slices.Sorted(maps.Keys(files)))
			}
		}
		for _, file := range []string{folder + "/caisson", folder + "/rootfs/usr/bin/caisson"} {
			text, ok := files[file]
			if program != "" && ok && text != program {
				t.Errorf("%s is another program", file)
			}
			program = max(program, text)
		}
	}
	elf := map[string]byte{"amd64": 0x3e, "arm64": 0xb7}[arch] // e_machine
	if !strings.HasPrefix(program, "\x7fELF") || program[18] != elf {
		t.Errorf("the program is not for %s", arch)
	}
	packed, err := exec.Command("sh", "-c", `dpkg-deb --fsys-tarfile "$0" | tar --extract --to-stdout ./usr/bin/caisson`, filepath.Join(dir, "caisson_1.2.3-1_"+arch+".deb")).Output()
	if err != nil || string(packed) != program {
		t.Errorf("the package for %s holds another program, or %v", arch, err)
	}
}

// unpack reads an archive, and checks that it tells nothing of who has packed it.
func unpack(t *testing.T, file string) map[string]string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.Uname+h.Gname != "" || fmt.Sprint(h.ModTime.Unix()) != when {
			t.Errorf("%s: %s is of %d:%d %v", file, h.Name, h.Uid, h.Gid, h.ModTime)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = string(text)
	}
}

// checkBill checks that the bill of materials lists what the program says it is made of.
func checkBill(t *testing.T, file, archive, name string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var bill struct {
		BOMFormat string
		Metadata  struct {
			Component struct{ Name, Version string }
		}
		Components []struct{ Name, Version string }
	}
	if err := json.Unmarshal(text, &bill); err != nil || bill.BOMFormat != "CycloneDX" || bill.Metadata.Component.Name != "caisson" || bill.Metadata.Component.Version != "v1.2.3" {
		t.Errorf("%s: %+v, %v", file, bill.Metadata, err)
	}
	listed := make(map[string]bool)
	for _, c := range bill.Components {
		listed[c.Name+" "+c.Version] = true
	}
	program := filepath.Join(t.TempDir(), "caisson")
	if err := os.WriteFile(program, []byte(unpack(t, archive)[name]), 0o700); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "version", "-m", program).Output()
	if err != nil {
		t.Fatal(err)
	}
	parts := 0
	for line := range strings.Lines(string(out)) {
		if fields := strings.Fields(line); len(fields) >= 3 && fields[0] == "dep" {
			parts++
			if !listed[fields[1]+" "+fields[2]] {
				t.Errorf("%s lacks %s %s", file, fields[1], fields[2])
			}
		}
	}
	if parts < 10 {
		t.Errorf("the program tells of %d modules", parts)
	}
}
