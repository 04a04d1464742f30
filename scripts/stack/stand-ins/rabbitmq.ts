import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rabbitmq4Root } from '../../rabbitmq4.mjs';
import { built, imported, type StandIn } from './stand-in.ts';

const SYSTEM = 'localhost/tracehare-proof/rabbitmq-system:trixie';

const system = imported('Debian trixie with rabbitmq-server', rabbitmq4Root);

const broker = built(
  'RabbitMQ 4.0.5 of Debian trixie',
  `FROM ${SYSTEM}
ENV PATH=/usr/lib/rabbitmq/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \\
    HOME=/var/lib/rabbitmq RABBITMQ_LOGS=- LANG=C.UTF-8
COPY --chmod=0755 entrypoint.sh /
RUN install -d -o rabbitmq -g rabbitmq /var/lib/rabbitmq /var/log/rabbitmq \\
    && head -c 20 /dev/urandom | base64 | tr -dc A-Z0-9 > /var/lib/rabbitmq/.erlang.cookie \\
    && chmod 400 /var/lib/rabbitmq/.erlang.cookie && chown rabbitmq: /var/lib/rabbitmq/.erlang.cookie \\
    && printf '[rabbitmq_management,rabbitmq_prometheus].\\n' > /etc/rabbitmq/enabled_plugins
VOLUME /var/lib/rabbitmq
ENTRYPOINT ["/entrypoint.sh"]
CMD ["rabbitmq-server"]
`,
  // as the real one: settings of the variables, then nobody's rights but rabbitmq's
  async (folder) =>
    writeFileSync(
      join(folder, 'entrypoint.sh'),
      `#!/bin/sh
set -eu
cat > /etc/rabbitmq/rabbitmq.conf <<END
loopback_users = none
default_user = $RABBITMQ_DEFAULT_USER
default_pass = $RABBITMQ_DEFAULT_PASS
END
exec setpriv --reuid=rabbitmq --regid=rabbitmq --init-groups "$@"
`,
    ),
);

export const rabbitmq: StandIn = {
  ...broker,
  async make(engine, name) {
    await system.make(engine, SYSTEM);
    await broker.make(engine, name);
  },
};
