import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** Kafka's own producer, idempotent and transactional, against the address in the first argument; prints what it was told. */
public class Producers {
    static KafkaProducer<String, String> producer(String address, String transactionalId) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", address);
        settings.put("key.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        settings.put("value.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        settings.put("max.block.ms", "15000");
        if (transactionalId != null) settings.put("transactional.id", transactionalId);
        return new KafkaProducer<>(settings);
    }

    static long send(KafkaProducer<String, String> producer, String value) throws Exception {
        return producer.send(new ProducerRecord<>("t", 0, null, value)).get().offset();
    }

    public static void main(String[] arguments) throws Exception {
        String address = arguments[0];
        try (var idempotent = producer(address, null)) {
            for (int n = 0; n < 3; n++) System.out.println("idempotent " + send(idempotent, "i" + n));
        }
        try (var old = producer(address, "x"); var young = producer(address, "x")) {
            old.initTransactions();
            old.beginTransaction();
            System.out.println("committed " + send(old, "c0"));
            old.commitTransaction();
            old.beginTransaction();
            System.out.println("aborted " + send(old, "a0"));
            old.abortTransaction();
            old.beginTransaction();
            System.out.println("committed " + send(old, "c1"));
            old.sendOffsetsToTransaction(Map.of(new TopicPartition("t", 0), new OffsetAndMetadata(2)),
                                         new ConsumerGroupMetadata("g"));
            old.commitTransaction();
            old.beginTransaction();
            send(old, "z0");
            young.initTransactions();
            try {
                send(old, "z1");
                System.out.println("not fenced");
            } catch (Exception error) {
                System.out.println("fenced " + error.getCause().getClass().getSimpleName());
            }
        }
    }
}
