import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.Delivery;
import java.util.List;
import java.util.Map;

/** Rejects each message of a queue until it was rejected so often, by what its x-death says; then acks it. Until it is killed. */
class Retries {
    public static void main(String[] arguments) throws Exception {
        String queue = arguments[1];
        int rejections = Integer.parseInt(arguments[2]);
        var factory = new ConnectionFactory();
        factory.setUri(arguments[0]);
        var channel = factory.newConnection().createChannel();
        channel.basicQos(1);
        channel.basicConsume(queue, false, (tag, message) -> {
            long deliveryTag = message.getEnvelope().getDeliveryTag();
            if (rejected(message, queue) < rejections) channel.basicReject(deliveryTag, false);
            else channel.basicAck(deliveryTag, false);
        }, tag -> {});
    }

    private static long rejected(Delivery message, String queue) {
        Map<String, Object> headers = message.getProperties().getHeaders();
        if (headers == null || !headers.containsKey("x-death")) return 0;
        for (Object each : (List<?>) headers.get("x-death")) {
            Map<?, ?> death = (Map<?, ?>) each;
            boolean isOurs = death.get("queue").toString().equals(queue);
            if (isOurs && death.get("reason").toString().equals("rejected")) return (Long) death.get("count");
        }
        return 0;
    }
}
