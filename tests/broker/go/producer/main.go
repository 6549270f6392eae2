// Somebody's application in Go: it sends one value after the other, waits for each, and prints what it was told.
//
//	producer kafka-go|idempotent|numberless MILLISECONDS VALUE…
//
// The last two are franz-go. It may wait so long for each value; the broker is the one that the environment names.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	client, patience, values := os.Args[1], os.Args[2], os.Args[3:]
	wait, err := time.ParseDuration(patience + "ms")
	if err != nil {
		panic(err)
	}
	send := sender(client, os.Getenv("KAFKA_BOOTSTRAP_SERVERS"))
	for _, value := range values {
		ctx, cancel := context.WithTimeout(context.Background(), wait)
		if err := send(ctx, value); err != nil {
			fmt.Println(value, "failed:", err)
		} else {
			fmt.Println(value, "ok")
		}
		cancel()
	}
}

func sender(client, address string) func(context.Context, string) error {
	if client == "kafka-go" {
		writer := &kafka.Writer{Addr: kafka.TCP(address), Topic: "orders", RequiredAcks: kafka.RequireAll,
			BatchTimeout: time.Millisecond, AllowAutoTopicCreation: true}
		return func(ctx context.Context, value string) error {
			return writer.WriteMessages(ctx, kafka.Message{Value: []byte(value)})
		}
	}
	options := []kgo.Opt{kgo.SeedBrokers(address), kgo.DefaultProduceTopic("orders"), kgo.AllowAutoTopicCreation()}
	if client == "numberless" {
		options = append(options, kgo.DisableIdempotentWrite())
	}
	producer, err := kgo.NewClient(options...)
	if err != nil {
		panic(err)
	}
	return func(ctx context.Context, value string) error {
		return producer.ProduceSync(ctx, kgo.StringRecord(value)).FirstErr()
	}
}
