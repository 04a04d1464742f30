import com.rabbitmq.client.DefaultConsumer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.springframework.amqp.AmqpException;
import org.springframework.amqp.AmqpRejectAndDontRequeueException;
import org.springframework.amqp.core.AcknowledgeMode;
import org.springframework.amqp.core.Message;
import org.springframework.amqp.core.MessageBuilder;
import org.springframework.amqp.core.Queue;
import org.springframework.amqp.core.QueueBuilder;
import org.springframework.amqp.core.ReturnedMessage;
import org.springframework.amqp.rabbit.connection.CachingConnectionFactory;
import org.springframework.amqp.rabbit.connection.CorrelationData;
import org.springframework.amqp.rabbit.core.RabbitAdmin;
import org.springframework.amqp.rabbit.core.RabbitTemplate;
import org.springframework.amqp.rabbit.listener.AbstractMessageListenerContainer;
import org.springframework.amqp.rabbit.listener.DirectMessageListenerContainer;
import org.springframework.amqp.rabbit.listener.SimpleMessageListenerContainer;
import org.springframework.amqp.rabbit.listener.adapter.MessageListenerAdapter;

/** What an app with Spring AMQP sees: each test is a line of JSON. Its only argument is a rabbitmqctl. */
public class App {
  interface Body {
    void run(CachingConnectionFactory factory, RabbitTemplate template, RabbitAdmin admin) throws Exception;
  }

  private static String rabbitmqctl;

  public static void main(String[] arguments) {
    rabbitmqctl = arguments[0];
    test("confirms are correlated", App::confirms);
    test("unroutable messages come back with their correlation, before their confirm", App::returns);
    test("a refusal of the broker is a nack", App::nacks);
    test("properties and own headers arrive as they were", App::headers);
    test("a simple container takes all, with a prefetch and acknowledgement of many", App::simpleContainer);
    test("a direct container takes all, acknowledged by the app", App::directContainer);
    test("a listener that throws gets the message again, one that rejects sends it to the dead letters", App::failures);
    test("answers come over direct reply-to", App::directReplyTo);
    test("answers come to a listener with MessageListenerAdapter", App::adapter);
    test("transactions commit and roll back", App::transactions);
    test("large bodies come back", App::large);
    test("publishes within one channel wait for their confirms", App::operations);
    test("an error of a channel is told, and the next operation works", App::channelError);
    test("an error of a connection is told, and the next operation works", App::connectionError);
    test("containers go on after their connections were closed by the broker",
        recovery(new String[] {"close_all_connections", "on purpose"}));
    test("containers go on after a restart of the broker",
        recovery(new String[] {"stop_app"}, new String[] {"start_app"}));
    System.exit(0);
  }

  private static void test(String name, Body body) {
    String why = null;
    CachingConnectionFactory factory = new CachingConnectionFactory("127.0.0.1", 5672);
    try {
      factory.setPublisherConfirmType(CachingConnectionFactory.ConfirmType.CORRELATED);
      factory.setPublisherReturns(true);
      body.run(factory, new RabbitTemplate(factory), new RabbitAdmin(factory));
    } catch (Throwable e) {
      why = e.toString().replaceAll("[\"\\\\\\s]+", " ");
    } finally {
      factory.destroy();
    }
    String outcome = why == null ? "passed" : "failed";
    System.out.println(
        "{\"test\":\"" + name + "\",\"outcome\":\"" + outcome + "\"" + (why == null ? "" : ",\"why\":\"" + why + "\"") + "}");
  }

  private static void same(Object expected, Object got) {
    if (!expected.equals(got)) throw new AssertionError("expected " + expected + ", got " + got);
  }

  private static <T> T next(BlockingQueue<T> queue) throws InterruptedException {
    T got = queue.poll(60, TimeUnit.SECONDS);
    if (got == null) throw new AssertionError("waited in vain");
    return got;
  }

  /** In any order, for a template takes another channel while confirms of the last are open. */
  private static void allOf(int count, BlockingQueue<String> got) throws InterruptedException {
    Set<String> different = new HashSet<>();
    for (int i = 0; i < count; i++) different.add(next(got));
    for (int i = 0; i < count; i++) same(true, different.contains("" + i));
  }

  private static void fails(String code, Runnable operation) {
    StringBuilder why = new StringBuilder();
    try {
      operation.run();
    } catch (AmqpException e) {
      for (Throwable cause = e; cause != null; cause = cause.getCause()) why.append(cause.getMessage());
    }
    if (!why.toString().contains("reply-code=" + code)) throw new AssertionError("expected " + code + ", got " + why);
  }

  /** It goes with its connection. To wait for a message is to consume, so it must not go with its last consumer. */
  private static String declared(RabbitAdmin admin) {
    Queue queue = QueueBuilder.nonDurable().exclusive().build();
    return admin.declareQueue(queue);
  }

  private static void confirms(CachingConnectionFactory factory, RabbitTemplate template, RabbitAdmin admin) throws Exception {
    String queue = declared(admin);
    List<CorrelationData> sent = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      CorrelationData data = new CorrelationData("c" + i);
      sent.add(data);
      template.convertAndSend("", queue, "m" + i, data);
    }
    for (CorrelationData data : sent) same(true, data.getFuture().get(60, TimeUnit.SECONDS).ack());
    same(200, (int) admin.getQueueInfo(queue).getMessageCount());
  }

  private static void returns(CachingConnectionFactory factory, RabbitTemplate template, RabbitAdmin admin) throws Exception {
    template.setMandatory(true);
    BlockingQueue<ReturnedMessage> returned = new LinkedBlockingQueue<>();
    template.setReturnsCallback(returned::add);
    CorrelationData data = new CorrelationData("lost");
    template.convertAndSend("", "nobody", "body", data);
    same(true, data.getFuture().get(60, TimeUnit.SECONDS).ack());
    same("body", new String(data.getReturned().getMessage().getBody(), StandardCharsets.UTF_8));
    same(312, next(returned).getReplyCode());
  }

  private static void nacks(CachingConnectionFactory factory, RabbitTemplate template, RabbitAdmin admin) throws Exception {
    String queue = admin.declareQueue(
        QueueBuilder.nonDurable().autoDelete().maxLength(1L).overflow(QueueBuilder.Overflow.rejectPublish).build());
    int refused = 0;
    for (int i = 0; i < 5; i++) {
      CorrelationData data = new CorrelationData("n" + i);
      template.convertAndSend("", queue, "x", data);
      if (!data.getFuture().get(60, TimeUnit.SECONDS).ack()) refused++;
    }
    same(4, refused);
  }

  private static void headers(CachingConnectionFactory factory, RabbitTemplate template, RabbitAdmin admin) {
    String queue = declared(admin);
    Message sent = MessageBuilder.withBody("b".getBytes()).setHeader("text", "grüße").setHeader("long", 1L << 40)
        .setContentType("text/plain").setMessageId("m").setCorrelationId("c").setPriority(3).build();
    template.send("", queue, sent);
    Message got = template.receive(queue, 60_000);
    same("grüße", got.getMessageProperties().getHeaders().get("text"));
    same(1L << 40, got.getMessageProperties().getHeaders().get("long"));
    same("m", got.getMessageProperties().getMessageId());
    same("c", got.getMessageProperties().getCorrelationId());
    same(3, got.getMessageProperties().getPriority());
  }

  private static void listen(AbstractMessageListenerContainer container, String queue) {
    container.setQueueNames(queue);
    container.afterPropertiesSet();
    container.start();
  }

  private static void simpleContainer(CachingConnectionFactory factory, RabbitTemplate template, RabbitAdmin admin) throws Exception {
    String queue = declared(admin);
    BlockingQueue<String> got = new LinkedBlockingQueue<>();
    SimpleMessageListenerContainer container = new SimpleMessageListenerContainer(factory);
    container.setPrefetchCount(50);
    container.setBatchSize(10);
    container.setMessageListener(message -> got.add(new String(message.getBody())));
    listen(container, queue);
    for (int i = 0; i < 500; i++) template.convertAndSend("", queue, "" + i);
    allOf(500, got);
    container.stop();
  }

  private static void directContainer(CachingConnectionFactory factory, RabbitTemplate template, RabbitAdmin admin) throws Exception {
    String queue = declared(admin);
    BlockingQueue<String> got = new LinkedBlockingQueue<>();
    DirectMessageListenerContainer container = new DirectMessageListenerContainer(factory);
    container.setAcknowledgeMode(AcknowledgeMode.MANUAL);
    container.setMessageListener((org.springframework.amqp.rabbit.listener.api.ChannelAwareMessageListener) (message, channel) -> {
      got.add(new String(message.getBody()));
      channel.basicAck(message.getMessageProperties().getDeliveryTag(), false);
    });
    listen(container, queue);
    for (int i = 0; i < 100; i++) template.convertAndSend("", queue, "" + i);
    allOf(100, got);
    container.stop();
  }

  private static void failures(CachingConnectionFactory factory, RabbitTemplate template, RabbitAdmin admin) throws Exception {
    String dead = declared(admin);
    String queue = admin.declareQueue(
        QueueBuilder.nonDurable().autoDelete().deadLetterExchange("").deadLetterRoutingKey(dead).build());
    AtomicInteger tries = new AtomicInteger();
    SimpleMessageListenerContainer container = new SimpleMessageListenerContainer(factory);
    container.setMessageListener(message -> {
      if (tries.incrementAndGet() < 3) throw new IllegalStateException("not yet");
      throw new AmqpRejectAndDontRequeueException("never");
    });
    container.setErrorHandler(e -> {
      throw e instanceof RuntimeException runtime ? runtime : new IllegalStateException(e);
    });
    listen(container, queue);
    template.convertAndSend("", queue, "poison");
    Message got = template.receive(dead, 60_000);
    same("poison", new String(got.getBody()));
    same(3, tries.get());
    same("rejected", got.getMessageProperties().getHeaders().get("x-first-death-reason").toString());
    container.stop();
  }

  private static void directReplyTo(CachingConnectionFactory factory, RabbitTemplate template, RabbitAdmin admin) {
    String queue = declared(admin);
    SimpleMessageListenerContainer container = new SimpleMessageListenerContainer(factory);
    RabbitTemplate answers = new RabbitTemplate(factory);
    container.setMessageListener(message -> answers.send("", message.getMessageProperties().getReplyTo(),
        MessageBuilder.withBody(new StringBuilder(new String(message.getBody())).reverse().toString().getBytes())
            .setContentType("text/plain").setCorrelationId(message.getMessageProperties().getCorrelationId()).build()));
    listen(container, queue);
    template.setReplyTimeout(60_000);
    for (int i = 0; i < 9; i++) same(i + "cba", template.convertSendAndReceive("", queue, "abc" + i));
    container.stop();
  }

  public static class Shout {
    public String handleMessage(String text) {
      return text.toUpperCase();
    }
  }

  private static void adapter(CachingConnectionFactory factory, RabbitTemplate template, RabbitAdmin admin) {
    String queue = declared(admin);
    SimpleMessageListenerContainer container = new SimpleMessageListenerContainer(factory);
    container.setMessageListener(new MessageListenerAdapter(new Shout()));
    listen(container, queue);
    template.setReplyTimeout(60_000);
    same("LOUD", template.convertSendAndReceive("", queue, "loud"));
    container.stop();
  }

  private static void transactions(CachingConnectionFactory factory, RabbitTemplate template, RabbitAdmin admin) {
    String queue = declared(admin);
    CachingConnectionFactory plain = new CachingConnectionFactory("127.0.0.1", 5672);
    RabbitTemplate transacted = new RabbitTemplate(plain);
    transacted.setChannelTransacted(true);
    transacted.convertAndSend("", queue, "committed");
    transacted.execute(channel -> {
      channel.txSelect();
      channel.basicPublish("", queue, null, "no".getBytes());
      channel.txRollback();
      return null;
    });
    plain.destroy();
    same(1, (int) admin.getQueueInfo(queue).getMessageCount());
  }

  private static void large(CachingConnectionFactory factory, RabbitTemplate template, RabbitAdmin admin) {
    String queue = declared(admin);
    for (int size : new int[] {0, 1, 131_063, 131_064, 131_065, 5_000_000}) {
      byte[] body = new byte[size];
      for (int i = 0; i < size; i++) body[i] = (byte) (i * 31);
      template.send("", queue, MessageBuilder.withBody(body).build());
      same(true, Arrays.equals(body, template.receive(queue, 60_000).getBody()));
    }
  }

  private static void operations(CachingConnectionFactory factory, RabbitTemplate template, RabbitAdmin admin) {
    String queue = declared(admin);
    CachingConnectionFactory simple = new CachingConnectionFactory("127.0.0.1", 5672);
    simple.setPublisherConfirmType(CachingConnectionFactory.ConfirmType.SIMPLE);
    same(true, new RabbitTemplate(simple).invoke(operations -> {
      for (int i = 0; i < 50; i++) operations.convertAndSend("", queue, "" + i);
      return operations.waitForConfirms(60_000);
    }));
    simple.destroy();
  }

  private static void channelError(CachingConnectionFactory factory, RabbitTemplate template, RabbitAdmin admin) {
    String queue = declared(admin);
    fails("404", () -> template.execute(channel -> channel.queueDeclarePassive("nobody-declared-it")));
    template.convertAndSend("", queue, "next");
    same("next", template.receiveAndConvert(queue, 60_000));
  }

  private static void connectionError(CachingConnectionFactory factory, RabbitTemplate template, RabbitAdmin admin) {
    String queue = "spring-after-error";
    admin.declareQueue(QueueBuilder.durable(queue).build());
    // a consumer tag that is taken is an error of the connection
    fails("530", () -> template.execute(channel -> {
      channel.basicConsume(queue, false, "twice", new DefaultConsumer(channel));
      return channel.basicConsume(queue, false, "twice", new DefaultConsumer(channel));
    }));
    template.convertAndSend("", queue, "next");
    same("next", template.receiveAndConvert(queue, 60_000));
    admin.deleteQueue(queue);
  }

  /** What the broker is told to do meanwhile, each a rabbitmqctl command. */
  private static Body recovery(String[]... commands) {
    return (factory, template, admin) -> recovery(factory, template, admin, commands);
  }

  private static void recovery(
      CachingConnectionFactory factory, RabbitTemplate template, RabbitAdmin admin, String[][] commands) throws Exception {
    String queue = "spring-stays";
    admin.declareQueue(QueueBuilder.durable(queue).build());
    BlockingQueue<String> got = new LinkedBlockingQueue<>();
    SimpleMessageListenerContainer container = new SimpleMessageListenerContainer(factory);
    container.setRecoveryInterval(200);
    container.setMessageListener(message -> got.add(new String(message.getBody())));
    listen(container, queue);
    template.convertAndSend("", queue, "before");
    same("before", next(got));
    for (String[] command : commands) {
      List<String> whole = new ArrayList<>(List.of(rabbitmqctl, "-q"));
      whole.addAll(Arrays.asList(command));
      same(0, new ProcessBuilder(whole).inheritIO().start().waitFor());
    }
    String answer = null;
    for (int i = 0; i < 300 && answer == null; i++) {
      try {
        template.convertAndSend("", queue, "after");
      } catch (RuntimeException e) {
        // the connection is not there yet
      }
      answer = got.poll(200, TimeUnit.MILLISECONDS);
    }
    same("after", answer == null ? "nothing" : answer);
    container.stop();
    admin.deleteQueue(queue);
  }
}
