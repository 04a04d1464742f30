import com.rabbitmq.client.ConnectionFactory;

/** Handles the messages of one queue one by one: publishes one to another queue, and acks. Until it is killed. */
class PassesOn {
    public static void main(String[] arguments) throws Exception {
        String queue = arguments[1], target = arguments[2];
        var factory = new ConnectionFactory();
        factory.setUri(arguments[0]);
        var channel = factory.newConnection().createChannel();
        channel.basicQos(1);
        channel.basicConsume(queue, false, (tag, message) -> {
            channel.basicPublish("", target, null, message.getBody());
            channel.basicAck(message.getEnvelope().getDeliveryTag(), false);
        }, tag -> {});
    }
}
