package sinks

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
)

// otlpTime is how long a collector may take to answer.
const otlpTime = 10 * time.Second

// otlpReceiver sends records to a collector of OpenTelemetry, as protobuf over HTTP. The body of each is the record's JSON, the same as in
// the file; fields without structure are attributes too, under their name with "caisson." before it.
//
// The SDK's own batch processor is not used: it drops what it has no room for without telling anybody.
type otlpReceiver struct {
	exporter *otlploghttp.Exporter
	provider *sdklog.LoggerProvider
	logger   log.Logger
	emitted  collector
	status   int // of the collector's latest answer, 0 if there was none
}

func newOTLPReceiver(d *Destination, version string) (*otlpReceiver, error) {
	o := &otlpReceiver{}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = d.tls
	options := []otlploghttp.Option{
		otlploghttp.WithEndpointURL(d.endpoint),
		otlploghttp.WithRetry(otlploghttp.RetryConfig{}), // the queue does that
		otlploghttp.WithHTTPClient(&http.Client{Transport: &witness{transport, &o.status}, Timeout: otlpTime}),
	}
	var err error
	if o.exporter, err = otlploghttp.New(context.Background(), options...); err != nil {
		return nil, err
	}
	host, _ := os.Hostname() // without one, the attribute is empty
	o.provider = sdklog.NewLoggerProvider(sdklog.WithProcessor(&o.emitted), sdklog.WithResource(resource.NewSchemaless(
		attribute.String("service.name", "caisson"), attribute.String("service.version", version), attribute.String("host.name", host),
	)))
	o.logger = o.provider.Logger("caisson/audit")
	return o, nil
}

func (o *otlpReceiver) deliver(ctx context.Context, records []entry) (done, rejected int, err error) {
	o.emitted = o.emitted[:0]
	for i := range records {
		o.logger.Emit(context.Background(), otlpRecord(&records[i])) // to the collector below
	}
	o.status = 0
	err = o.exporter.Export(ctx, o.emitted)
	switch {
	case err == nil:
		return len(records), 0, nil
	case o.status/100 == 2: // taken, but not all of them; the answer says how many in words only
		return len(records), 0, err
	case o.status != http.StatusBadRequest && o.status != http.StatusRequestEntityTooLarge:
		return 0, 0, err
	case len(records) == 1:
		return 1, 1, err
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
	ctx, cancel := context.WithTimeout(context.Background(), otlpTime)
	defer cancel()
	return firstError(o.provider.Shutdown(ctx), o.exporter.Shutdown(ctx))
}

// otlpRecord is a record in OpenTelemetry's words.
func otlpRecord(e *entry) log.Record {
	var out log.Record
	out.SetEventName("caisson.decision")
	out.SetTimestamp(e.at)
	out.SetObservedTimestamp(e.at)
	out.SetSeverityText(e.verdict)
	switch severity(e.verdict) {
	case severityInfo:
		out.SetSeverity(log.SeverityInfo)
	case severityWarning:
		out.SetSeverity(log.SeverityWarn)
	default:
		out.SetSeverity(log.SeverityError)
	}
	out.SetBody(attribute.StringValue(e.line))
	var fields map[string]any
	_ = json.Unmarshal([]byte(e.line), &fields) // we have written it
	for key, value := range fields {
		switch v := value.(type) {
		case string:
			out.AddAttributes(attribute.String("caisson."+key, v))
		case bool:
			out.AddAttributes(attribute.Bool("caisson."+key, v))
		case float64:
			out.AddAttributes(attribute.Int64("caisson."+key, int64(v)))
		}
	}
	return out
}

// collector takes what the SDK makes of records: only the SDK can tell a record where it comes from.
type collector []sdklog.Record

// Enabled implements [sdklog.Processor].
func (c *collector) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }

// OnEmit implements [sdklog.Processor].
func (c *collector) OnEmit(_ context.Context, r *sdklog.Record) error {
	*c = append(*c, r.Clone())
	return nil
}

// Shutdown implements [sdklog.Processor].
func (c *collector) Shutdown(context.Context) error { return nil }

// ForceFlush implements [sdklog.Processor].
func (c *collector) ForceFlush(context.Context) error { return nil }

// witness sees the status of answers, which the exporter keeps to itself.
type witness struct {
	http.RoundTripper
	status *int
}

// RoundTrip implements [http.RoundTripper].
func (w *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := w.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, fmt.Errorf("the collector does not answer: %w", err)
	}
	*w.status = res.StatusCode
	return res, nil
}
