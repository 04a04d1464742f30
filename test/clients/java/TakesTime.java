import com.rabbitmq.client.Channel;
import com.rabbitmq.client.ConnectionFactory;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Handles so many messages of a queue one after the other, up to a prefetch of them held. Each has in its body how many
 * milliseconds it takes. Prints a line for each: the milliseconds it did take. The last line has those that the way to the
 * broker and back took on average meanwhile.
 */
class TakesTime {
    public static void main(String[] arguments) throws Exception {
        String queue = arguments[1];
        int prefetch = Integer.parseInt(arguments[2]);
        var left = new CountDownLatch(Integer.parseInt(arguments[3]));
        var factory = new ConnectionFactory();
        factory.setUri(arguments[0]);
        try (var connection = factory.newConnection()) {
            var asking = connection.createChannel();
            // what is asked for the first time takes long, for reasons of Java's
            asking.queueDeclarePassive(queue);
            var channel = connection.createChannel();
            channel.basicQos(prefetch);
            channel.basicConsume(queue, false, (tag, message) -> {
                long begin = System.nanoTime();
                sleep(Long.parseLong(new String(message.getBody())));
                double took = millisecondsSince(begin);
                channel.basicAck(message.getEnvelope().getDeliveryTag(), false);
                System.out.println(took);
                left.countDown();
            }, tag -> {});
            System.out.println(timeOfWay(asking, queue, left));
        }
    }

    private static double timeOfWay(Channel channel, String queue, CountDownLatch until) throws Exception {
        double sum = 0;
        int count = 0;
        do {
            long begin = System.nanoTime();
            channel.queueDeclarePassive(queue);
            sum += millisecondsSince(begin);
            count++;
        } while (!until.await(20, TimeUnit.MILLISECONDS));
        return sum / count;
    }

    private static double millisecondsSince(long nanoseconds) {
        return (System.nanoTime() - nanoseconds) / 1e6;
    }

    private static void sleep(long milliseconds) {
        try {
            Thread.sleep(milliseconds);
        } catch (InterruptedException interrupted) {
            throw new IllegalStateException(interrupted);
        }
    }
}
