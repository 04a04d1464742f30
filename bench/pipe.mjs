import { connect, createServer } from 'node:net';

// The least a proxy on Node can do: what Tracehare costs beyond this is what it knows.
//   node bench/pipe.mjs LISTEN_PORT UPSTREAM_PORT

const [listen, upstream] = process.argv.slice(2).map(Number);

const server = createServer({ noDelay: true, allowHalfOpen: true }, (app) => {
  const broker = connect({ host: '127.0.0.1', port: upstream, noDelay: true, allowHalfOpen: true });
  app.pipe(broker).pipe(app);
  app.on('error', () => broker.destroy());
  broker.on('error', () => app.destroy());
});
server.listen({ port: listen, host: '127.0.0.1', backlog: 1024 }, () => console.log('listening'));
