import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.HashMap;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Reads from and writes to a topic as a user and prints what the broker let it do: "USER TOPIC read write", less what it refused. What is
 * written is empty, and a dead letter of nobody's. Usage: Rights SECRETS USER:TOPIC...
 */
public class Rights {
	private static Map<String, Object> client(String user, String password) {
		Map<String, Object> c = new HashMap<>();
		c.put("bootstrap.servers", "kafka:9092");
		c.put("security.protocol", "SASL_PLAINTEXT");
		c.put("sasl.mechanism", "PLAIN");
		c.put("sasl.jaas.config", "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"" + user
			+ "\" password=\"" + password + "\";");
		return c;
	}

	private static boolean reads(Map<String, Object> client, String topic) {
		try (var consumer = new KafkaConsumer<>(client, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
			TopicPartition partition = new TopicPartition(topic, 0);
			consumer.assign(List.of(partition));
			consumer.seek(partition, 0);
			consumer.poll(Duration.ofSeconds(3));
			return true;
		} catch (AuthorizationException e) {
			return false;
		}
	}

	private static boolean writes(Map<String, Object> client, String topic) throws Exception {
		try (var producer = new KafkaProducer<>(client, new ByteArraySerializer(), new ByteArraySerializer())) {
			producer.send(new ProducerRecord<>(topic, 0, new byte[0], new byte[0])).get();
			return true;
		} catch (ExecutionException | KafkaException e) { // the latter where the user may write nothing at all
			if (e.getCause() instanceof AuthorizationException)
				return false;
			throw e;
		}
	}

	public static void main(String[] arguments) throws Exception {
		for (String pair : List.of(arguments).subList(1, arguments.length)) {
			String user = pair.split(":")[0], topic = pair.split(":")[1];
			String password = Files.readString(Path.of(arguments[0], "kafka_" + user.replace('-', '_'))).trim();
			Map<String, Object> client = client(user, password);

			System.out.println(user + " " + topic + (reads(client, topic) ? " read" : "") + (writes(client, topic) ? " write" : ""));
		}
		System.out.println("done");
	}
}
