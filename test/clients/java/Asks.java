import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.RpcClient;

/**
 * Asks so many questions of a queue, one after the other, and prints how many were answered: over direct reply-to, or over
 * the reply queue that is named. It is the library's own client for calls, which numbers its correlation ids from 1 on.
 */
class Asks {
    private static final int TIMEOUT_MS = 60_000;

    public static void main(String[] arguments) throws Exception {
        String queue = arguments[1];
        int count = Integer.parseInt(arguments[2]);
        var factory = new ConnectionFactory();
        factory.setUri(arguments[0]);
        try (var connection = factory.newConnection()) {
            var channel = connection.createChannel();
            String replyTo = arguments.length > 3 ? arguments[3] : "amq.rabbitmq.reply-to";
            if (arguments.length > 3) channel.queueDeclare(replyTo, false, true, true, null);
            var client = new RpcClient(channel, "", queue, replyTo, TIMEOUT_MS);
            int answered = 0;
            for (int i = 0; i < count; i++) if (client.stringCall("?").equals("42")) answered++;
            System.out.println(answered);
        }
    }
}
