import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;

/** Sends m0, m1 ... to partition 0, each in a batch of its own, all before the first answer. Arguments: address, topic, count. */
public class Burst {
    public static void main(String[] arguments) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", arguments[0]);
        settings.put("key.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        settings.put("value.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        settings.put("linger.ms", "0");
        settings.put("batch.size", "1");
        settings.put("retry.backoff.ms", "500");
        settings.put("retry.backoff.max.ms", "500");
        settings.put("reconnect.backoff.ms", "20");
        settings.put("request.timeout.ms", "2500");
        settings.put("delivery.timeout.ms", "3000");
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(settings)) {
            producer.partitionsFor(arguments[1]);
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (int i = 0; i < Integer.parseInt(arguments[2]); i++) {
                sent.add(producer.send(new ProducerRecord<>(arguments[1], 0, "k".repeat(500), "m" + i))); // no room for two
            }
            for (Future<RecordMetadata> answer : sent) {
                try {
                    answer.get();
                    System.out.println("ok");
                } catch (ExecutionException failed) {
                    System.out.println(failed.getCause() instanceof org.apache.kafka.common.errors.TimeoutException ? "unknown" : "failed");
                }
            }
        }
    }
}
