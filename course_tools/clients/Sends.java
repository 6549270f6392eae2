import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.Scanner;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.config.ConfigException;

/**
 * Each input line `address topic bursts idempotence in-flight delivery-timeout request-timeout` is a new producer that sends m0, m1 ...,
 * the records of a burst such as the 3 of `3,1` at once, and one line of output for each. `default` leaves a setting as it is.
 * Between two bursts it says `next` and waits for a line.
 */
public class Sends {
    static final String KEY = "k".repeat(100); // so long that no two records share a batch
    static final long PATIENCE_MS = 2_000; // beyond the delivery timeout

    public static void main(String[] arguments) throws Exception {
        Scanner lines = new Scanner(System.in);
        while (lines.hasNextLine()) {
            String[] words = lines.nextLine().split(" ");
            Properties settings = new Properties();
            settings.put("bootstrap.servers", words[0]);
            settings.put("key.serializer", "org.apache.kafka.common.serialization.StringSerializer");
            settings.put("value.serializer", "org.apache.kafka.common.serialization.StringSerializer");
            set(settings, "enable.idempotence", words[3]);
            set(settings, "max.in.flight.requests.per.connection", words[4]);
            settings.put("delivery.timeout.ms", words[5]);
            settings.put("request.timeout.ms", words[6]);
            settings.put("linger.ms", "0");
            settings.put("batch.size", "0");
            settings.put("retry.backoff.ms", "50");
            settings.put("retry.backoff.max.ms", "200");
            settings.put("reconnect.backoff.ms", "20");
            send(settings, words[1], words[2].split(","), lines, Long.parseLong(words[5]) + PATIENCE_MS);
            System.out.println("end");
        }
    }

    static void set(Properties settings, String name, String value) {
        if (!value.equals("default")) settings.put(name, value);
    }

    static void send(Properties settings, String topic, String[] bursts, Scanner lines, long patience) throws Exception {
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(settings)) {
            producer.partitionsFor(topic);
            int n = 0;
            for (String burst : bursts) {
                if (n > 0) {
                    System.out.println("next");
                    lines.nextLine();
                }
                List<Future<RecordMetadata>> futures = new ArrayList<>();
                for (int end = n + Integer.parseInt(burst); n < end; n++) futures.add(producer.send(new ProducerRecord<>(topic, 0, KEY, "m" + n)));
                for (Future<RecordMetadata> future : futures) System.out.println(told(future, patience));
            }
        } catch (ConfigException refusal) {
            System.out.println("refused ConfigException");
        }
    }

    static String told(Future<RecordMetadata> future, long patience) throws InterruptedException {
        try {
            return "ok " + future.get(patience, TimeUnit.MILLISECONDS).offset();
        } catch (ExecutionException failed) {
            return failed.getCause().getClass().getSimpleName();
        } catch (TimeoutException late) {
            return "never told";
        }
    }
}
