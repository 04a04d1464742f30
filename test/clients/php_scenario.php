<?php
// What an app with php-amqplib does, `php php_scenario.php HOST PORT VHOST`: each test is a line of JSON, passed or
// failed and why. A test that needs the broker restarted says `{"ask":"restart"}` and waits for a line.
require_once 'PhpAmqpLib/autoload.php';

use PhpAmqpLib\Channel\AMQPChannel;
use PhpAmqpLib\Connection\AMQPStreamConnection;
use PhpAmqpLib\Exception\AMQPProtocolChannelException;
use PhpAmqpLib\Message\AMQPMessage;
use PhpAmqpLib\Wire\AMQPTable;

[, $host, $port, $vhost] = $argv;

function connect(string $password = 'guest', ?string $where = null): AMQPStreamConnection
{
    global $host, $port, $vhost;
    // its own patience of three seconds is not for a machine that others use too
    return new AMQPStreamConnection($host, $port, 'guest', $password, $where ?? $vhost, false, 'AMQPLAIN', null, 'en_US', 200, 200);
}

function test(string $name, callable $does): void
{
    $line = ['test' => $name, 'outcome' => 'passed'];
    try {
        $connection = connect();
        $does($connection->channel(), $connection);
        if ($connection->isConnected()) {
            $connection->close();
        }
    } catch (Throwable $e) {
        $line['outcome'] = 'failed';
        $line['why'] = get_class($e) . ': ' . $e->getMessage() . ' (line ' . $e->getLine() . ')';
    }
    echo json_encode($line), "\n";
}

function same($expected, $got): void
{
    if ($expected !== $got) {
        throw new Exception('expected ' . substr(json_encode($expected), 0, 300) . ', got ' . substr(json_encode($got), 0, 300));
    }
}

function own(AMQPChannel $ch, array $arguments = []): string
{
    [$queue] = $ch->queue_declare('', false, false, true, false, false, new AMQPTable($arguments));
    return $queue;
}

function publish(AMQPChannel $ch, string $queue, string $body, array $properties = [], bool $mandatory = false): void
{
    $ch->basic_publish(new AMQPMessage($body, $properties), '', $queue, $mandatory);
}

function got(AMQPChannel $ch, string $queue, bool $noAck = true): AMQPMessage
{
    $deadline = microtime(true) + 200;
    while (($message = $ch->basic_get($queue, $noAck)) === null) {
        if (microtime(true) > $deadline) {
            throw new Exception('waited in vain for a message');
        }
        usleep(10000);
    }
    return $message;
}

function ready(AMQPChannel $ch, string $queue): int
{
    return $ch->queue_declare($queue, true)[1];
}

test('declares, binds, unbinds, purges and deletes', function (AMQPChannel $ch) {
    $ch->confirm_select();
    $ch->exchange_declare('php-topic', 'topic', false, false, true);
    $queue = own($ch);
    $ch->queue_bind($queue, 'php-topic', 'a.#');
    $ch->basic_publish(new AMQPMessage('1'), 'php-topic', 'a.b');
    $ch->wait_for_pending_acks(200);
    same(1, $ch->queue_purge($queue));
    $ch->queue_unbind($queue, 'php-topic', 'a.#');
    same(0, $ch->queue_delete($queue));
});

test('publishes without confirms; properties and headers arrive as they were', function (AMQPChannel $ch) {
    $queue = own($ch);
    $sent = ['content_type' => 'text/plain', 'correlation_id' => 'c', 'message_id' => 'm', 'priority' => 3, 'type' => 't', 'delivery_mode' => 2];
    $headers = ['text' => 'grüße', 'int' => 7, 'table' => ['a' => true]];
    publish($ch, $queue, 'body', $sent + ['application_headers' => new AMQPTable($headers)]);
    $message = got($ch, $queue);
    same('body', $message->getBody());
    foreach ($sent as $name => $value) {
        same($value, $message->get($name));
    }
    // RabbitMQ 4 sorts them by name
    $got = array_intersect_key($message->get('application_headers')->getNativeData(), $headers);
    same($headers, array_replace($headers, $got));
    same(count($headers), count($got));
});

test('is told of confirms, many at a time', function (AMQPChannel $ch) {
    $queue = own($ch);
    $acked = 0;
    $ch->set_ack_handler(function () use (&$acked) {
        $acked++;
    });
    $ch->confirm_select();
    for ($i = 0; $i < 500; $i++) {
        publish($ch, $queue, (string) $i);
    }
    $ch->wait_for_pending_acks(200);
    same(500, $acked);
    same(500, ready($ch, $queue));
});

test('is told of nacks', function (AMQPChannel $ch) {
    $queue = own($ch, ['x-max-length' => 1, 'x-overflow' => 'reject-publish']);
    $nacked = 0;
    $ch->set_nack_handler(function () use (&$nacked) {
        $nacked++;
    });
    $ch->confirm_select();
    for ($i = 0; $i < 5; $i++) {
        publish($ch, $queue, 'x');
    }
    $ch->wait_for_pending_acks(200);
    same(4, $nacked);
});

test('gets mandatory messages back, and their confirms after them', function (AMQPChannel $ch) {
    $told = [];
    $ch->set_return_listener(function ($code, $text, $exchange, $key, AMQPMessage $message) use (&$told) {
        $told[] = [$code, $message->get('message_id'), $message->getBody()];
    });
    $ch->set_ack_handler(function (AMQPMessage $message) use (&$told) {
        $told[] = 'ack';
    });
    $ch->confirm_select();
    for ($i = 0; $i < 3; $i++) {
        publish($ch, 'nobody', "$i", ['message_id' => "m$i"], true);
        $ch->wait_for_pending_acks_returns(200);
    }
    same([[312, 'm0', '0'], 'ack', [312, 'm1', '1'], 'ack', [312, 'm2', '2'], 'ack'], $told);
});

test('consumes with a prefetch, and settles in every way', function (AMQPChannel $ch) {
    $queue = own($ch);
    $ch->basic_qos(0, 4, false);
    for ($i = 0; $i < 8; $i++) {
        publish($ch, $queue, "$i");
    }
    $got = [];
    $tag = $ch->basic_consume($queue, '', false, false, false, false, function (AMQPMessage $message) use (&$got) {
        $got[] = $message;
    });
    $have = function (int $count) use (&$got, $ch) {
        while (count($got) < $count) {
            $ch->wait(null, false, 200);
        }
    };
    $have(4);
    same(['0', '1', '2', '3'], array_map(fn ($message) => $message->getBody(), $got));
    $ch->basic_ack($got[1]->getDeliveryTag(), true);
    $ch->basic_nack($got[2]->getDeliveryTag(), false, false);
    $ch->basic_reject($got[3]->getDeliveryTag(), true);
    $have(8);
    $again = array_values(array_filter($got, fn ($message) => $message->isRedelivered()));
    same(['3'], array_map(fn ($message) => $message->getBody(), $again));
    $ch->basic_ack($got[7]->getDeliveryTag(), true);
    $have(9);
    same('7', $got[8]->getBody());
    $ch->basic_cancel($tag);
    $ch->basic_ack($got[8]->getDeliveryTag());
    same(0, ready($ch, $queue));
});

test('recovers what is unsettled', function (AMQPChannel $ch) {
    $queue = own($ch);
    publish($ch, $queue, 'again');
    got($ch, $queue, false);
    $ch->basic_recover(true);
    $message = got($ch, $queue, false);
    same([true, 'again'], [(bool) $message->isRedelivered(), $message->getBody()]);
    $ch->basic_ack($message->getDeliveryTag());
});

test('gets, with and without acknowledgement', function (AMQPChannel $ch) {
    $queue = own($ch);
    same(null, $ch->basic_get($queue));
    publish($ch, $queue, '0');
    publish($ch, $queue, '1');
    same('0', got($ch, $queue)->getBody());
    $message = got($ch, $queue, false);
    same('1', $message->getBody());
    $ch->basic_nack($message->getDeliveryTag(), false, true);
    same('1', got($ch, $queue)->getBody());
});

test('asks over direct reply-to', function (AMQPChannel $ch, AMQPStreamConnection $connection) {
    $server = $connection->channel();
    $questions = own($server);
    $server->basic_consume($questions, '', false, true, false, false, function (AMQPMessage $message) use ($server) {
        $answer = new AMQPMessage(strrev($message->getBody()), ['correlation_id' => $message->get('correlation_id')]);
        $server->basic_publish($answer, '', $message->get('reply_to'));
    });
    $answers = [];
    $ch->basic_consume('amq.rabbitmq.reply-to', '', false, true, false, false, function (AMQPMessage $message) use (&$answers) {
        $answers[$message->get('correlation_id')] = $message->getBody();
    });
    for ($i = 0; $i < 10; $i++) {
        publish($ch, $questions, "abc$i", ['reply_to' => 'amq.rabbitmq.reply-to', 'correlation_id' => "q$i"]);
        $server->wait(null, false, 200);
        $ch->wait(null, false, 200);
        same(strrev("abc$i"), $answers["q$i"] ?? null);
    }
});

test('commits and rolls back', function (AMQPChannel $ch) {
    $queue = own($ch);
    $ch->tx_select();
    publish($ch, $queue, 'no');
    $ch->tx_rollback();
    publish($ch, $queue, 'yes');
    publish($ch, $queue, 'yes');
    $ch->tx_commit();
    same(2, ready($ch, $queue));
});

test('sends and gets bodies of any size', function (AMQPChannel $ch) {
    $queue = own($ch);
    foreach ([0, 1, 131063, 131064, 131065, 1048576, 5000000] as $size) {
        $body = substr(str_repeat('0123456789abcdef', intdiv($size, 16) + 1), 0, $size);
        publish($ch, $queue, $body);
        same(md5($body), md5(got($ch, $queue)->getBody()));
    }
});

test('is told of errors of the channel, and goes on with another', function (AMQPChannel $ch, AMQPStreamConnection $connection) {
    foreach ([404 => fn ($ch) => $ch->queue_declare('none', true), 406 => fn ($ch) => $ch->exchange_declare('amq.direct', 'fanout', false, true, false)] as $code => $does) {
        try {
            $does($connection->channel());
            throw new Exception('no error');
        } catch (AMQPProtocolChannelException $e) {
            same($code, $e->amqp_reply_code);
        }
    }
    $fresh = $connection->channel();
    same(0, ready($fresh, own($fresh)));
});

test('is told of a wrong password and a wrong vhost', function () {
    foreach ([403 => fn () => connect('wrong'), 530 => fn () => connect('guest', 'none')] as $code => $does) {
        try {
            $does();
            throw new Exception('no error');
        } catch (PhpAmqpLib\Exception\AMQPConnectionClosedException | PhpAmqpLib\Exception\AMQPProtocolConnectionException $e) {
            same($code, $e->getCode());
        }
    }
});

test('goes on after a restart of the broker', function (AMQPChannel $ch, AMQPStreamConnection $connection) {
    $ch->confirm_select();
    $ch->queue_declare('php-stays', false, true, false, false);
    publish($ch, 'php-stays', 'before', ['delivery_mode' => 2]);
    $ch->wait_for_pending_acks(200);
    echo json_encode(['ask' => 'restart']), "\n";
    fgets(STDIN);
    try {
        $ch->basic_get('php-stays');
        throw new Exception('no error');
    } catch (PhpAmqpLib\Exception\AMQPExceptionInterface $e) {
        // its connection is gone
    }
    $connection->reconnect();
    $ch = $connection->channel();
    same('before', got($ch, 'php-stays')->getBody());
    $ch->queue_delete('php-stays');
});
