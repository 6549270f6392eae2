// The client whose own tests run against the embedded broker; go.sum pins it.
module broker.test

go 1.24.0

require github.com/twmb/franz-go v1.20.6
