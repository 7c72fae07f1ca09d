import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Properties;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/**
 * Makes the broker's access control lists those of a file: what is missing is added, what is not in the file is removed.
 *
 * Kafka's command for it is not among the jars of the broker. Usage: Acls CLIENT_PROPERTIES FILE
 */
public class Acls {
	private static AclBinding parse(String line) {
		String[] words = line.trim().split("\\s+");
		boolean prefix = words[3].endsWith("*");
		String name = prefix ? words[3].substring(0, words[3].length() - 1) : words[3];
		String operation = words[1].replaceAll("([A-Z])", "_$1");

		return new AclBinding(
			new ResourcePattern(ResourceType.fromString(words[2]), name, prefix ? PatternType.PREFIXED : PatternType.LITERAL),
			new AccessControlEntry("User:" + words[0], "*", AclOperation.fromString(operation), AclPermissionType.ALLOW));
	}

	private static Set<AclBinding> read(Path file) throws Exception {
		return Files.readAllLines(file).stream().filter(line -> !line.isBlank() && !line.startsWith("#")).map(Acls::parse)
			.collect(Collectors.toSet());
	}

	public static void main(String[] arguments) throws Exception {
		Set<AclBinding> wanted = read(Path.of(arguments[1]));
		Properties client = new Properties();

		client.load(Files.newBufferedReader(Path.of(arguments[0])));
		try (Admin admin = Admin.create(client)) {
			Set<AclBinding> missing = new HashSet<>(wanted), extra = new HashSet<>(admin.describeAcls(AclBindingFilter.ANY).values().get());

			missing.removeAll(extra);
			extra.removeAll(wanted);
			admin.createAcls(missing).all().get();
			admin.deleteAcls(extra.stream().map(AclBinding::toFilter).toList()).all().get();
			System.err.printf("acls: %d hold, %d added, %d removed%n", wanted.size(), missing.size(), extra.size());
		}
	}
}
