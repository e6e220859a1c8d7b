package config
import ("testing";"time";"fmt";"os")
func TestX(t *testing.T) {
 text,_ := os.ReadFile("/tmp/x/p.toml")
 f, err := Read("policy.toml", text, time.Now())
 if err != nil { fmt.Println(err); return }
 _=f
 fmt.Println(string(DefaultFile("standard")))
}
