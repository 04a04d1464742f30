# What an app with bunny does, `ruby bunny_scenario.rb URL`: each test is a line of JSON, passed or failed and why.
# A test that needs the broker restarted says `{"ask":"restart"}` and waits for a line.
require 'bunny'
require 'json'
require 'timeout'

URL = ARGV.fetch(0)
$stdout.sync = true
QUIET = { log_level: Logger::FATAL, network_recovery_interval: 0.2, recovery_attempts: 3000 }.freeze
# its own patience is not for a machine that others use too
PATIENT = { connection_timeout: 200, read_timeout: 200, write_timeout: 200, continuation_timeout: 200_000 }.freeze

def test(name)
  why = nil
  begin
    Timeout.timeout(500) do
      connection = Bunny.new(URL, **QUIET, **PATIENT)
      connection.start
      begin
        yield connection.create_channel, connection
      ensure
        connection.close if connection.open?
      end
    end
  rescue StandardError => e
    why = "#{e.class}: #{e.message} (#{e.backtrace.grep(/bunny_scenario/).first})"
  end
  puts JSON.generate({ test: name, outcome: why ? 'failed' : 'passed', why: why }.compact)
end

def same(expected, got)
  raise "expected #{expected.inspect[0, 300]}, got #{got.inspect[0, 300]}" unless expected == got
end

def wait(what)
  Timeout.timeout(200) { sleep 0.01 until yield }
rescue Timeout::Error
  raise "waited in vain: #{what}"
end

def own(channel)
  channel.queue('', exclusive: true)
end

def bodies(queue)
  got = []
  while (message = queue.pop)[0]
    got << message[2]
  end
  got
end

test('declares, binds, unbinds, purges and deletes') do |ch|
  x = ch.topic('bunny-topic', auto_delete: true)
  q = own(ch)
  q.bind(x, routing_key: 'a.#')
  x.publish('1', routing_key: 'a.b')
  wait('a message is there') { q.message_count == 1 }
  q.purge
  same(0, q.message_count)
  q.unbind(x, routing_key: 'a.#')
  same(0, q.delete.message_count)
end

test('publishes without confirms; properties and headers arrive as they were') do |ch|
  q = own(ch)
  q.publish('body', content_type: 'text/plain', correlation_id: 'c', message_id: 'm', priority: 3, type: 't',
                    persistent: true, headers: { 'text' => 'grüße', 'int' => 7, 'table' => { 'a' => true } })
  got = nil
  wait('it arrives') { (got = q.pop)[0] }
  same('body', got[2])
  properties = got[1]
  same(['text/plain', 'c', 'm', 3, 't', 2], %i[content_type correlation_id message_id priority type delivery_mode].map { |name| properties[name] })
  headers = properties[:headers]
  same(['grüße', 7, { 'a' => true }], [headers['text'].dup.force_encoding('UTF-8'), headers['int'], headers['table']])
end

test('is told of confirms, many at a time') do |ch|
  q = own(ch)
  ch.confirm_select
  500.times { |index| q.publish(index.to_s) }
  same(true, ch.wait_for_confirms)
  same(501, ch.next_publish_seq_no)
  same(500, q.message_count)
end

test('is told of nacks') do |ch|
  q = ch.queue('', exclusive: true, arguments: { 'x-max-length' => 1, 'x-overflow' => 'reject-publish' })
  ch.confirm_select
  5.times { q.publish('x') }
  same(false, ch.wait_for_confirms)
  same(4, ch.nacked_set.size)
end

test('gets mandatory messages back, and their confirms after them') do |ch|
  ch.confirm_select
  returned = []
  x = ch.default_exchange
  x.on_return { |info, properties, body| returned << [info.reply_code, properties[:message_id], body] }
  3.times { |index| x.publish(index.to_s, routing_key: 'nobody', mandatory: true, message_id: "m#{index}") }
  same(true, ch.wait_for_confirms)
  wait('all are back') { returned.size == 3 }
  same([[312, 'm0', '0'], [312, 'm1', '1'], [312, 'm2', '2']], returned)
end

test('consumes with a prefetch, and settles in every way') do |ch|
  q = own(ch)
  ch.prefetch(4)
  8.times { |index| q.publish(index.to_s) }
  got = Queue.new
  consumer = q.subscribe(manual_ack: true) { |info, _, body| got << [info, body] }
  four = Array.new(4) { got.pop }
  same(%w[0 1 2 3], four.map(&:last))
  tags = four.map { |info, _| info.delivery_tag }
  ch.ack(tags[1], true)
  ch.nack(tags[2], false, false)
  ch.reject(tags[3], true)
  rest = Array.new(4) { got.pop }
  same(['3', true], rest.map { |info, body| [body, info.redelivered?] }.select(&:last).flatten)
  ch.ack(rest.last[0].delivery_tag, true)
  last = got.pop
  same('7', last[1])
  consumer.cancel
  ch.ack(last[0].delivery_tag)
  same(0, q.message_count)
end

test('recovers what is unsettled') do |ch|
  q = own(ch)
  q.publish('again')
  wait('it arrives') { q.pop(manual_ack: true)[0] }
  ch.basic_recover(true)
  got = nil
  wait('it comes again') { (got = q.pop(manual_ack: true))[0] }
  same([true, 'again'], [got[0].redelivered?, got[2]])
  ch.ack(got[0].delivery_tag)
end

test('gets, with and without acknowledgement') do |ch|
  q = own(ch)
  same([nil, nil, nil], q.pop)
  2.times { |index| q.publish(index.to_s) }
  wait('both are there') { q.message_count == 2 }
  same('0', q.pop[2])
  info, _, body = q.pop(manual_ack: true)
  same('1', body)
  ch.nack(info.delivery_tag, false, true)
  wait('it is back') { q.message_count == 1 }
end

test('asks over direct reply-to') do |ch, connection|
  server = connection.create_channel
  questions = own(server)
  questions.subscribe do |_, properties, body|
    server.default_exchange.publish(body.reverse, routing_key: properties.reply_to, correlation_id: properties.correlation_id)
  end
  answers = Queue.new
  ch.basic_consume('amq.rabbitmq.reply-to', '', true) { |_, properties, body| answers << [properties.correlation_id, body] }
  10.times { |index| ch.default_exchange.publish("abc#{index}", routing_key: questions.name, reply_to: 'amq.rabbitmq.reply-to', correlation_id: index.to_s) }
  same(Array.new(10) { |index| [index.to_s, "abc#{index}".reverse] }, Array.new(10) { answers.pop })
end

test('commits and rolls back') do |ch|
  q = own(ch)
  ch.tx_select
  q.publish('no')
  ch.tx_rollback
  2.times { q.publish('yes') }
  ch.tx_commit
  same(%w[yes yes], bodies(q))
end

test('sends and gets bodies of any size') do |ch|
  q = own(ch)
  ch.confirm_select
  [0, 1, 131_063, 131_064, 131_065, 1_048_576, 5_000_000].each do |size|
    body = ('0123456789abcdef' * (size / 16 + 1))[0, size]
    q.publish(body)
    ch.wait_for_confirms
    got = q.pop[2]
    raise "a body of #{size} bytes came back with #{got.bytesize}" unless got == body
  end
end

test('is told of errors of the channel, and goes on with another') do |ch, connection|
  begin
    ch.queue('none', passive: true)
    raise 'no error'
  rescue Bunny::NotFound => e
    same(true, e.message.start_with?('NOT_FOUND - no queue'))
  end
  begin
    connection.create_channel.topic('bunny-refused', auto_delete: true)
    connection.create_channel.fanout('bunny-refused', auto_delete: true)
    raise 'no error'
  rescue Bunny::PreconditionFailed => e
    same(true, e.message.include?("inequivalent arg 'type'"))
  end
  same(0, own(connection.create_channel).message_count)
end

test('is told of a wrong password and a wrong vhost') do |_, _|
  [[Bunny::AuthenticationFailureError, URL.sub('guest:guest', 'guest:wrong')],
   [Bunny::NotAllowedError, "#{URL}-none"]].each do |expected, url|
    begin
      Bunny.new(url, **QUIET, **PATIENT, automatically_recover: false, recover_from_connection_close: false).start
      raise 'no error'
    rescue expected
      # as it should
    end
  end
end

test('recovers after a restart of the broker, with its topology') do |ch, _|
  q = ch.queue('bunny-recovers', durable: true)
  got = Queue.new
  q.subscribe { |_, _, body| got << body }
  q.publish('before', persistent: true)
  same('before', got.pop)
  puts JSON.generate({ ask: 'restart' })
  $stdin.gets
  wait('it goes on') do
    begin
      q.publish('after', persistent: true)
      got.pop(true) == 'after'
    rescue StandardError
      sleep 0.1
      false
    end
  end
  q.delete
end
