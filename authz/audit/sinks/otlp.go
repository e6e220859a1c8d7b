package sinks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/proto"
)

// otlpReceiver sends records to a collector of OpenTelemetry, as protobuf over HTTP. The body of each is the record's JSON, the same as in
// the file; fields without structure are attributes too, under their name with "caisson." before it.
type otlpReceiver struct {
	client *otlpClient
	source *resource.Resource
}

func newOTLPReceiver(d *Destination, version string) (*otlpReceiver, error) {
	client, err := newOTLPClient(d, version)
	if err != nil {
		return nil, err
	}
	source, err := otlpSource(version)
	return &otlpReceiver{client, source}, err
}

// otlpSource is where records come from: this program on this host, and what the environment adds.
func otlpSource(version string) (*resource.Resource, error) {
	host, _ := os.Hostname() // without one, the attribute is empty
	all := map[string]string{}
	err := environmentPairs("OTEL_RESOURCE_ATTRIBUTES", func(key, value string) error { all[key] = value; return nil })
	if err != nil {
		return nil, err
	}
	all["service.name"], all["service.version"], all["host.name"] = "caisson", version, host
	source := &resource.Resource{}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		source.Attributes = append(source.Attributes, attribute(utf8(key), text(utf8(all[key]))))
	}
	return source, nil
}

// deliver implements [receiver]. What is refused for good is not sent again, as the OTLP specification wants it.
func (o *otlpReceiver) deliver(ctx context.Context, records []entry) (done, rejected int, err error) {
	message, err := o.message(records)
	if err == nil {
		rejected, err = o.client.send(ctx, message)
	} else {
		err = &refusal{status: http.StatusBadRequest, reason: err.Error()}
	}
	var no *refusal
	switch {
	case err == nil || errors.Is(err, errPartly):
		return len(records), min(rejected, len(records)), err
	case !errors.As(err, &no):
		return 0, 0, err
	case len(records) == 1 || no.status != http.StatusBadRequest && no.status != http.StatusRequestEntityTooLarge:
		return len(records), len(records), err
	}
	// One of them may be to blame. The others are not to suffer.
	half := len(records) / 2
	done, rejected, err = o.deliver(ctx, records[:half])
	if done < half {
		return done, rejected, err
	}
	more, bad, moreErr := o.deliver(ctx, records[half:])
	return done + more, rejected + bad, firstError(err, moreErr)
}

func firstError(list ...error) error {
	i := slices.IndexFunc(list, func(err error) bool { return err != nil })
	if i < 0 {
		return nil
	}
	return list[i]
}

func (o *otlpReceiver) close() error {
	o.client.http.CloseIdleConnections()
	return nil
}

// message is a request to export records. LogsData has the same form as ExportLogsServiceRequest, whose package brings gRPC along.
func (o *otlpReceiver) message(records []entry) ([]byte, error) {
	list := make([]*logs.LogRecord, 0, len(records))
	for i := range records {
		list = append(list, otlpRecord(&records[i]))
	}
	scope := &logs.ScopeLogs{Scope: &common.InstrumentationScope{Name: "caisson/audit"}, LogRecords: list}
	all := &logs.LogsData{ResourceLogs: []*logs.ResourceLogs{{Resource: o.source, ScopeLogs: []*logs.ScopeLogs{scope}}}}
	out, err := proto.Marshal(all)
	if err != nil {
		return nil, fmt.Errorf("a record cannot be put in words of OpenTelemetry: %w", err)
	}
	return out, nil
}

// otlpRecord is a record in OpenTelemetry's words.
func otlpRecord(e *entry) *logs.LogRecord {
	at := uint64(max(0, e.at.UnixNano()))
	out := &logs.LogRecord{
		EventName: "caisson.decision", TimeUnixNano: at, ObservedTimeUnixNano: at,
		SeverityText: e.verdict, SeverityNumber: logs.SeverityNumber_SEVERITY_NUMBER_ERROR, Body: text(e.line),
	}
	switch severity(e.verdict) {
	case severityInfo:
		out.SeverityNumber = logs.SeverityNumber_SEVERITY_NUMBER_INFO
	case severityWarning:
		out.SeverityNumber = logs.SeverityNumber_SEVERITY_NUMBER_WARN
	}
	var fields map[string]any
	_ = json.Unmarshal([]byte(e.line), &fields) // we have written it
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		var value *common.AnyValue
		switch v := fields[key].(type) {
		case string:
			value = text(v)
		case bool:
			value = &common.AnyValue{Value: &common.AnyValue_BoolValue{BoolValue: v}}
		case float64:
			value = &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: int64(v)}}
		default:
			continue
		}
		out.Attributes = append(out.Attributes, attribute("caisson."+key, value))
	}
	return out
}

func attribute(key string, value *common.AnyValue) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: value}
}

func text(s string) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: s}}
}

// utf8 is what protobuf can carry of a text from outside.
func utf8(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
