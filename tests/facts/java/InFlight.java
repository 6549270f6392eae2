import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.serialization.StringSerializer;

/** Makes an idempotent producer with so many requests in flight and says whether it could be made. No broker is needed. */
public class InFlight {
    public static void main(String[] words) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", "127.0.0.1:1");
        settings.put("enable.idempotence", "true");
        settings.put("max.in.flight.requests.per.connection", words[0]);
        try {
            new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer()).close(java.time.Duration.ZERO);
            System.out.println("created");
        } catch (ConfigException refusal) {
            System.out.println("ConfigException: " + refusal.getMessage());
        }
    }
}
