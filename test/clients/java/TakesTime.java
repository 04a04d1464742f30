import com.rabbitmq.client.ConnectionFactory;
import java.util.concurrent.CountDownLatch;

/**
 * Handles so many messages of a queue one after the other, up to a prefetch of them held. Each has in its body how many
 * milliseconds it takes. Prints a line for each: the milliseconds it did take.
 */
class TakesTime {
    public static void main(String[] arguments) throws Exception {
        String queue = arguments[1];
        int prefetch = Integer.parseInt(arguments[2]);
        var left = new CountDownLatch(Integer.parseInt(arguments[3]));
        var factory = new ConnectionFactory();
        factory.setUri(arguments[0]);
        try (var connection = factory.newConnection()) {
            var channel = connection.createChannel();
            channel.basicQos(prefetch);
            channel.basicConsume(queue, false, (tag, message) -> {
                long begin = System.nanoTime();
                sleep(Long.parseLong(new String(message.getBody())));
                double took = (System.nanoTime() - begin) / 1e6;
                channel.basicAck(message.getEnvelope().getDeliveryTag(), false);
                System.out.println(took);
                left.countDown();
            }, tag -> {});
            left.await();
        }
    }

    private static void sleep(long milliseconds) {
        try {
            Thread.sleep(milliseconds);
        } catch (InterruptedException interrupted) {
            throw new IllegalStateException(interrupted);
        }
    }
}
