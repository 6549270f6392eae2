import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.Scanner;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;

/** Each input line `topic count idempotence in-flight delivery-timeout request-timeout` is a new producer that sends m0, m1 ... at once. */
public class Sends {
    static final String KEY = "k".repeat(100); // so long that no two records share a batch

    public static void main(String[] arguments) throws Exception {
        Scanner lines = new Scanner(System.in);
        while (lines.hasNextLine()) {
            String[] words = lines.nextLine().split(" ");
            Properties settings = new Properties();
            settings.put("bootstrap.servers", arguments[0]);
            settings.put("key.serializer", "org.apache.kafka.common.serialization.StringSerializer");
            settings.put("value.serializer", "org.apache.kafka.common.serialization.StringSerializer");
            settings.put("enable.idempotence", words[2]);
            settings.put("max.in.flight.requests.per.connection", words[3]);
            settings.put("delivery.timeout.ms", words[4]);
            settings.put("request.timeout.ms", words[5]);
            settings.put("linger.ms", "0");
            settings.put("batch.size", "0");
            settings.put("retry.backoff.ms", "50");
            settings.put("retry.backoff.max.ms", "200");
            settings.put("reconnect.backoff.ms", "20");
            send(settings, words[0], Integer.parseInt(words[1]));
        }
    }

    static void send(Properties settings, String topic, int count) throws Exception {
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(settings)) {
            producer.partitionsFor(topic);
            List<Future<RecordMetadata>> futures = new ArrayList<>();
            for (int n = 0; n < count; n++) futures.add(producer.send(new ProducerRecord<>(topic, 0, KEY, "m" + n)));
            for (Future<RecordMetadata> future : futures) System.out.println(told(future));
        }
        System.out.println("end");
    }

    static String told(Future<RecordMetadata> future) throws InterruptedException {
        try {
            return "ok " + future.get().offset();
        } catch (ExecutionException failed) {
            return failed.getCause().getClass().getSimpleName();
        }
    }
}
