import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.Scanner;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Each input line `topic setting=value,... step step ...` is a new producer. A step is a value to send and to wait for, or one of
 * !init !begin !commit !abort !metrics !read (what a consumer with no setting receives) !wait4000 (milliseconds); with ~ in front of a
 * value nobody asks how its send ends. After each step a line says what the application is told, at last `end`.
 */
public class Steps {
    public static void main(String[] arguments) {
        Scanner lines = new Scanner(System.in);
        while (lines.hasNextLine()) {
            play(lines.nextLine().split(" "));
            System.out.println("end");
        }
    }

    static void play(String[] words) {
        Properties settings = new Properties();
        settings.put("retry.backoff.ms", "50");
        settings.put("linger.ms", "0");
        for (String setting : words[1].split(",")) settings.put(setting.split("=")[0], setting.split("=")[1]);
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            for (int n = 2; n < words.length; n++) {
                System.out.println(words[n].equals("!read") ? read(settings, words[0]) : told(producer, words[0], words[n]));
            }
        } catch (KafkaException refused) {
            System.out.println(refused.getClass().getSimpleName());
        }
    }

    static String read(Properties settings, String topic) {
        Properties address = new Properties();
        address.put("bootstrap.servers", settings.get("bootstrap.servers"));
        List<TopicPartition> all = List.of(new TopicPartition(topic, 0));
        List<String> values = new ArrayList<>();
        try (var consumer = new KafkaConsumer<>(address, new StringDeserializer(), new StringDeserializer())) {
            consumer.assign(all);
            consumer.seekToBeginning(all);
            long end = consumer.endOffsets(all).get(all.get(0));
            while (consumer.position(all.get(0)) < end) consumer.poll(Duration.ofMillis(100)).forEach(record -> values.add(record.value()));
        }
        return String.join(" ", values);
    }

    static String told(KafkaProducer<String, String> producer, String topic, String step) {
        if (step.startsWith("!wait")) {
            LockSupport.parkNanos(1_000_000L * Long.parseLong(step.substring(5)));
            return "ok";
        }
        try {
            switch (step) {
                case "!init" -> producer.initTransactions();
                case "!begin" -> producer.beginTransaction();
                case "!commit" -> producer.commitTransaction();
                case "!abort" -> producer.abortTransaction();
                case "!metrics" -> { return String.join(" ", producer.metrics().keySet().stream().map(m -> m.name()).distinct().toList()); }
                default -> { return sent(producer, topic, step); }
            }
            return "ok";
        } catch (KafkaException failed) {
            return failed.getClass().getSimpleName();
        }
    }

    static String sent(KafkaProducer<String, String> producer, String topic, String value) {
        var future = producer.send(new ProducerRecord<>(topic, 0, null, value.replace("~", "")));
        try {
            return value.startsWith("~") ? "not asked" : "ok " + future.get().offset();
        } catch (ExecutionException failed) {
            return failed.getCause().getClass().getSimpleName();
        } catch (InterruptedException never) {
            throw new IllegalStateException(never);
        }
    }
}
