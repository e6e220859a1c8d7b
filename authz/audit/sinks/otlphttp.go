package sinks

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
	"google.golang.org/protobuf/encoding/protowire"
)

// Limits of a collector.
const (
	otlpTime   = 10 * time.Second // how long it may take to answer
	otlpAnswer = 1 << 20          // bytes of an answer
	otlpReason = 512              // bytes of its words that are passed on
)

// otlpClient speaks OTLP/HTTP 1.x with a collector: https://opentelemetry.io/docs/specs/otlp/#otlphttp.
type otlpClient struct {
	http     *http.Client
	endpoint string
	header   http.Header
	gzip     bool
}

func newOTLPClient(d *Destination, version string) (*otlpClient, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = d.tls
	c := &otlpClient{
		http:     &http.Client{Transport: transport, Timeout: otlpTime, CheckRedirect: stayPost},
		endpoint: d.endpoint,
		header:   http.Header{"User-Agent": {"caisson/" + version}},
	}
	err := environmentPairs(firstSet("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"), func(key, value string) error {
		if !httpguts.ValidHeaderFieldName(key) || !httpguts.ValidHeaderFieldValue(value) {
			return errors.New("is no header")
		}
		c.header.Set(key, value)
		return nil
	})
	if err != nil {
		return nil, err
	}
	c.header.Set("Content-Type", "application/x-protobuf")
	name := firstSet("OTEL_EXPORTER_OTLP_LOGS_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION")
	switch os.Getenv(name) {
	case "", "none":
	case "gzip":
		c.gzip = true
		c.header.Set("Content-Encoding", "gzip")
	default:
		return nil, fmt.Errorf("the environment variable %s is neither gzip nor none", name)
	}
	return c, nil
}

// stayPost follows a redirect only if it leaves records in the request: the answer to another request says nothing about them.
func stayPost(r *http.Request, via []*http.Request) error {
	if r.Method != http.MethodPost || len(via) >= 10 {
		return http.ErrUseLastResponse
	}
	return nil
}

// firstSet is the first of some environment variables that is set, or the last one.
func firstSet(names ...string) string {
	for _, name := range names {
		if os.Getenv(name) != "" {
			return name
		}
	}
	return names[len(names)-1]
}

// environmentPairs reads an environment variable of the form key=value,key=value with values percent-encoded. Its errors do not show
// values, which may be secret.
func environmentPairs(name string, take func(key, value string) error) error {
	number := 0
	for pair := range strings.SplitSeq(os.Getenv(name), ",") {
		number++
		if strings.TrimSpace(pair) == "" {
			continue
		}
		key, escaped, found := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(escaped))
		if !found || err != nil {
			err = errors.New("is not of the form key=value with the value percent-encoded")
		} else {
			err = take(strings.TrimSpace(key), strings.TrimSpace(value))
		}
		if err != nil {
			return fmt.Errorf("the environment variable %s is wrong: its entry %d %w", name, number, err)
		}
	}
	return nil
}

// errPartly is an answer to records that were taken, with something to say about them.
var errPartly = errors.New("the collector took the records, but says")

// refusal is an answer to records that never will be taken.
type refusal struct {
	status int
	reason string
}

// Error implements error.
func (r *refusal) Error() string { return fmt.Sprintf("the collector refuses records: %s", r.reason) }

// send sends a message. The error is nil, [errPartly] with the number of records that were left out, [*refusal], [*later], or another one
// if nobody knows what became of the message; after the last two it is to be sent again.
func (c *otlpClient) send(ctx context.Context, message []byte) (rejected int, err error) {
	if c.gzip {
		message = compressed(message)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, bytes.NewReader(message))
	if err != nil {
		return 0, err
	}
	r.Header = c.header.Clone()
	res, err := c.http.Do(r)
	if err != nil {
		return 0, fmt.Errorf("the collector does not answer: %w", err)
	}
	defer res.Body.Close() //nolint:errcheck // it is only read
	body, readErr := io.ReadAll(io.LimitReader(res.Body, otlpAnswer+1))
	if len(body) > otlpAnswer {
		readErr = errors.New("its answer is too long")
	}
	isProto := res.Header.Get("Content-Type") == "application/x-protobuf"
	if res.StatusCode/100 == 2 {
		switch {
		case readErr != nil:
			return 0, fmt.Errorf("%w nothing that can be read: %w", errPartly, readErr)
		case !isProto:
			return 0, nil
		}
		return partialSuccess(body)
	}
	reason := string(body)
	if isProto {
		status, _ := fields(body) // google.rpc.Status
		reason = string(status[2].bytes)
	}
	reason = fmt.Sprintf("%d %s %q", res.StatusCode, http.StatusText(res.StatusCode), utf8(reason[:min(len(reason), otlpReason)]))
	switch res.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return 0, &later{fmt.Errorf("the collector is not ready: %s", reason), retryAfter(res.Header.Get("Retry-After"))}
	}
	if res.StatusCode >= 400 {
		return 0, &refusal{res.StatusCode, reason}
	}
	return 0, fmt.Errorf("the collector does not say what became of the records: %s", reason)
}

func compressed(message []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(message) // to memory, which does not fail
	_ = w.Close()
	return out.Bytes()
}

// retryAfter reads a header of RFC 9110, section 10.2.3. It is 0 if there is none that makes sense.
func retryAfter(value string) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}

// partialSuccess reads an ExportLogsServiceResponse. Its generated code is in a package that brings gRPC along.
func partialSuccess(body []byte) (rejected int, err error) {
	partial, ok := fields(body)
	inner, innerOK := fields(partial[1].bytes)
	if !ok || !innerOK {
		return 0, fmt.Errorf("%w nothing that can be read", errPartly)
	}
	count, reason := int64(inner[1].number), inner[2].bytes //nolint:gosec // G115: protobuf has an int64 there
	if count == 0 && len(reason) == 0 {
		return 0, nil
	}
	reason = reason[:min(len(reason), otlpReason)]
	return int(min(max(0, count), math.MaxInt32)), fmt.Errorf("%w %q, of %d it left out", errPartly, utf8(string(reason)), count)
}

// field is the value of a field in a message of protobuf: one of them.
type field struct {
	number uint64
	bytes  []byte
}

// fields reads a message of protobuf, as far as it makes sense; ok tells whether all of it does. The last one of a field counts.
func fields(message []byte) (list map[protowire.Number]field, ok bool) {
	list = map[protowire.Number]field{}
	for len(message) > 0 {
		number, kind, tag := protowire.ConsumeTag(message)
		if tag < 0 {
			return list, false
		}
		message = message[tag:]
		size := protowire.ConsumeFieldValue(number, kind, message)
		if size < 0 {
			return list, false
		}
		value := message[:size]
		if kind == protowire.VarintType {
			v, _ := protowire.ConsumeVarint(value)
			list[number] = field{number: v}
		}
		if kind == protowire.BytesType {
			v, _ := protowire.ConsumeBytes(value)
			list[number] = field{bytes: v}
		}
		message = message[size:]
	}
	return list, true
}
