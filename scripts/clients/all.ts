import type { Client } from './client.ts';
import { aioPika } from './suites/aio-pika.ts';
import { amqpClient } from './suites/amqp-client.ts';
import { amqpClientJava } from './suites/amqp-client-java.ts';
import { amqp091go } from './suites/amqp091-go.ts';
import { amqplib } from './suites/amqplib.ts';
import { amqprs } from './suites/amqprs.ts';
import { bunny } from './suites/bunny.ts';
import { celery } from './suites/celery.ts';
import { highVolume } from './suites/high-volume.ts';
import { kombu } from './suites/kombu.ts';
import { lapin } from './suites/lapin.ts';
import { phpAmqplib } from './suites/php-amqplib.ts';
import { pika } from './suites/pika.ts';
import { pyAmqp } from './suites/py-amqp.ts';
import { rabbitmqClient } from './suites/rabbitmq-client.ts';
import { springAmqp } from './suites/spring-amqp.ts';

export const CLIENTS: Client[] = [
  amqplib,
  amqpClient,
  rabbitmqClient,
  pika,
  aioPika,
  pyAmqp,
  kombu,
  celery,
  amqp091go,
  bunny,
  phpAmqplib,
  amqpClientJava,
  springAmqp,
  lapin,
  amqprs,
  highVolume,
];

export function clientNamed(name: string): Client {
  const client = CLIENTS.find((each) => each.name === name);
  if (client === undefined) {
    throw new Error(`no client is called ${name}: ${CLIENTS.map((each) => each.name).join(', ')}`);
  }
  return client;
}
