import { z } from 'zod';
import { custom, list, optional, reloadable, section, setting } from './declare.ts';
import { checkPlugins, plugin } from './plugin-schema.ts';
import { checkRules, clientMatch, rule } from './rule-schema.ts';
import {
  address,
  baggageKeys,
  buckets,
  count,
  duration,
  file,
  hosts,
  lossMode,
  oneOf,
  onOff,
  peers,
  shownHeaders,
  size,
  slowness,
  text,
  texts,
  token,
  upstreams,
  workers,
} from './values.ts';

/**
 * Every setting, once: the file, the flags, the variables, the help, the reference page and the
 * JSON Schema are all read from here (settings.ts). Add a key here and in toConfig, nowhere else.
 */

const listenTls = z.strictObject(
  {
    cert: reloadable(file.describe('certificate shown to apps, PEM file, chain included'), 'new connections'),
    key: reloadable(file.describe('private key of the certificate, PEM file'), 'new connections'),
    ca: reloadable(
      optional(file, "CA that signed the apps' certificates, PEM file; without it the system's and Node's"),
      'new connections',
    ),
    clientCertificate: setting(
      oneOf('none', 'request', 'require'),
      'none',
      'whether apps show a certificate: not asked, asked for, or refused without a valid one',
    ),
  },
  { error: 'expects keys and values: cert, key' },
);

const upstreamTls = section(
  'How amqps:// upstreams are spoken to.',
  {
    ca: optional(file, "CA that signed the broker's certificate, PEM file; without it the system's and Node's"),
    cert: optional(file, 'client certificate shown to the broker, PEM file; needs the key'),
    key: optional(file, 'private key of the client certificate, PEM file'),
    serverName: optional(text, "name to verify and to send as SNI; without it the upstream's host"),
    verify: setting(onOff, true, "check the broker's certificate; false accepts anyone in between"),
  },
  undefined,
  ({ value, issues }) => {
    const alone = value.cert === undefined ? 'key' : 'cert';
    if ((value.cert === undefined) !== (value.key === undefined))
      issues.push(custom(value, [alone], `needs upstream.tls.${alone === 'cert' ? 'key' : 'cert'} too`));
  },
);

/** All that can be configured. One file because whoever looks for a setting, or a place for a new one, reads it as a whole. */
export const schema = z
  .strictObject(
    {
      listen: section(
        'Where apps connect.',
        {
          address: setting(address, '127.0.0.1:5673', 'where apps connect; amqps when listen.tls is set'),
          tls: optional(listenTls, 'TLS towards apps; without it plain AMQP.'),
        },
        'address',
      ),
      upstream: section(
        'The broker.',
        {
          urls: setting(upstreams, 'amqp://127.0.0.1:5672', 'broker, or several tried in turn; amqps:// for TLS'),
          tls: reloadable(upstreamTls, 'new connections'),
          connectTimeout: reloadable(
            setting(duration('1ms'), '5s', 'how long one upstream may take to accept, TLS included'),
            'new connections',
          ),
        },
        'urls',
      ),
      admin: section(
        'Metrics, health and the live page.',
        {
          address: setting(address, '127.0.0.1:9673', 'where metrics, health and the live page are served'),
          token: reloadable(
            optional(
              token,
              'bearer token that / and /api ask for off loopback, and changes everywhere; prefer tokenFile, flags show in ps',
            ),
          ),
          tokenFile: reloadable(optional(file, 'file that holds the token, instead of token')),
          hosts: reloadable(
            optional(
              hosts,
              'names that requests may be sent to, as Host, beside IP addresses; on loopback: beside loopback ones',
            ),
          ),
        },
        'address',
        ({ value, issues }) => {
          if (value.token !== undefined && value.tokenFile !== undefined)
            issues.push(custom(value, ['tokenFile'], 'only one of admin.token and admin.tokenFile can be given'));
        },
      ),
      page: section('What is kept for the live page, and for the commands that show the same.', {
        traces: setting(size('1GiB'), '16MiB', 'memory for traces: the oldest go when it is full; 0KiB: none are kept'),
      }),
      peers: reloadable(
        setting(
          peers,
          [],
          'admin URLs of other sidecars that the page and /api of this one show too; a name that stands for several is all of them',
        ),
      ),
      loss: reloadable(
        section(
          'How much is done to learn of losses that apps did not ask to be told of.',
          {
            mode: setting(
              lossMode,
              'returns',
              'off; returns: shadow mandatory; confirms: shadow confirms too (complete, costs the broker more)',
            ),
            settleOnClose: setting(
              duration('0s'),
              '250ms',
              'how long the end of a channel or connection is held for confirms that the app did not ask for; 0s: not at all',
            ),
            exempt: list(
              clientMatch,
              'Clients that are never shadowed, such as those that use tx: all keys that are given must fit, with patterns as in rules.',
            ),
          },
          'mode',
        ),
      ),
      pipeline: reloadable(
        optional(text, "value of the pipeline label; without it the connection's vhost"),
        'new connections',
      ),
      tracing: reloadable(
        section('Trace context and spans; exporters are ruled by the OTEL_* variables.', {
          maxTracesPerSecond: setting(count(0), 50, 'new traces sampled per second when OTEL_TRACES_SAMPLER is unset'),
          maxLossSpansPerSecond: setting(count(0), 50, 'spans of lost messages exported per second though not sampled'),
          injectUnsampled: setting(onOff, true, 'unsampled messages carry a context too, with flag 00'),
          consumer: setting(
            oneOf('parent', 'link', 'both'),
            'parent',
            "how a consumer span refers to the message's context",
          ),
          keep: section('Unsampled messages that are exported all the same, as traces of their own.', {
            slow: setting(
              slowness,
              'auto',
              "how long a message may take from its publish to its settlement; auto: as its queue's 99th percentile of the last ten minutes, at least 100ms",
            ),
            maxPerSecond: setting(count(0), 50, 'at most so many messages per second; 0: none'),
          }),
          queue: setting(
            oneOf('off', 'event', 'span'),
            'event',
            "how the time that a message was in queues shows: not, as an event of its consumer's span, or as a span of its own",
          ),
          cause: setting(
            oneOf('off', 'link', 'parent'),
            'link',
            'what a publish span has of the delivery that it comes of, if that is proven; off: nothing, not even an answer of its request',
          ),
          attributes: section(
            'What spans show of messages beside what they always show.',
            {
              baggage: setting(baggageKeys, [], 'keys of the baggage that messages carry, shown as `baggage.<key>`'),
              headers: setting(
                shownHeaders,
                [],
                'headers of messages that their spans show as messaging.header.NAME; at most 16',
              ),
              never: setting(
                texts,
                [
                  'authorization',
                  'cookie',
                  'password',
                  'passwd',
                  'secret',
                  'token',
                  'api-key',
                  'apikey',
                  'credential',
                  'session',
                  'signature',
                ],
                'headers with one of these in their name, upper and lower case alike, are never shown',
              ),
            },
            undefined,
            ({ value, issues }) => {
              for (const [index, name] of value.headers.entries()) {
                const part = value.never.find((each) => name.toLowerCase().includes(each.toLowerCase()));
                if (part !== undefined)
                  issues.push(
                    custom(
                      name,
                      ['headers', index],
                      `is never shown: tracing.attributes.never has ${JSON.stringify(part)}`,
                    ),
                  );
              }
            },
          ),
        }),
      ),
      rounds: reloadable(
        section('Messages that are delivered again and again.', {
          poison: setting(count(1), 5, 'a message that was delivered more often is named as poisonous'),
        }),
      ),
      rpc: reloadable(
        section('Questions over reply-to, and their answers.', {
          timeout: setting(duration('1ms'), '30s', 'an answer that has not come after this long is missing'),
        }),
      ),
      metrics: section('What is counted, and how finely.', {
        maxTopics: setting(count(0), 500, 'values a label may have before the rest is __overflow__; 0: no limit'),
        maxEdges: setting(
          count(0),
          1000,
          'edges of the service map before the rest is __overflow__; 0: no service map',
        ),
        idleAfter: setting(duration('1ms'), '1h', 'label values without traffic are freed after this long'),
        buckets: section('Upper bounds of the histogram buckets.', {
          latency: setting(
            buckets,
            [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
            'upper bounds of event_latency_seconds, in seconds',
          ),
          confirm: setting(
            buckets,
            [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
            'upper bounds of event_confirm_seconds, in seconds',
          ),
          processing: setting(
            buckets,
            [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
            'upper bounds of event_processing_seconds, in seconds',
          ),
        }),
        openTelemetryNames: setting(onOff, true, 'the same facts as messaging_* metrics too'),
      }),
      drain: reloadable(
        section('The end, on SIGTERM.', {
          timeout: setting(duration('0s'), '10s', 'how long traffic goes on before connections are closed'),
        }),
      ),
      limits: section('What bounds memory.', {
        connections: reloadable(
          setting(count(1), 10_000, 'client connections at a time; more are refused and counted'),
          'new connections',
        ),
        windowPerChannel: reloadable(
          setting(count(1), 250_000, 'open publishes or unsettled deliveries remembered per channel'),
          'new channels',
        ),
        losses: setting(count(1), 1000, 'newest losses kept for /api/losses'),
        poison: setting(count(1), 1000, 'poisonous messages kept for /api/poison'),
      }),
      process: section('How the process treats itself.', {
        schedulingPolicy: setting(
          oneOf('batch', 'inherit'),
          'batch',
          'batch: SCHED_BATCH on all threads, where chrt of util-linux is found; inherit: the policy it is started with',
        ),
        warmUp: setting(
          onOff,
          true,
          'messages of its own pass through before apps can connect, so that the first of theirs find compiled code',
        ),
      }),
      workers: setting(workers, 1, 'threads that move traffic; auto: one per processor'),
      log: section('JSON lines on stderr, readable ones on a terminal.', {
        level: reloadable(
          setting(oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace'), 'info', 'least severe level logged'),
        ),
      }),
      bypass: reloadable(
        setting(onOff, false, 'every connection is a plain pipe: nothing is read, added or counted by topic'),
        'new connections',
      ),
      faults: reloadable(
        section('Failures on purpose, by rules: docs/faults.md explains them.', {
          enabled: setting(onOff, false, 'faults of rules are injected; otherwise they are ignored, with a warning'),
        }),
      ),
      rules: reloadable(
        list(
          rule,
          'What happens to which messages; of the rules that match, the first that mentions an action decides on it. docs/rules.md explains them.',
          checkRules,
        ),
      ),
      plugins: list(
        plugin,
        'Code of your own that is asked about each message, in this order. docs/plugins.md explains it.',
        checkPlugins,
      ),
    },
    { error: 'expects keys and values, such as listen: 127.0.0.1:5673' },
  )
  .check(({ value: { listen, admin }, issues }) => {
    const [ours, theirs] = [listen.address, admin.address];
    if (ours.port !== 0 && ours.port === theirs.port && ours.host === theirs.host)
      issues.push(custom(admin, ['admin', 'address'], 'is the same address as listen; expects another port'));
  });

/** The file's content after checking, defaults filled in. */
export type Checked = z.output<typeof schema>;
