import type { Client } from './client.ts';
import { amqp091go } from './suites/amqp091-go.ts';
import { amqplib } from './suites/amqplib.ts';
import { pika } from './suites/pika.ts';

export const CLIENTS: Client[] = [amqplib, pika, amqp091go];

export function clientNamed(name: string): Client {
  const client = CLIENTS.find((each) => each.name === name);
  if (client === undefined) {
    throw new Error(`no client is called ${name}: ${CLIENTS.map((each) => each.name).join(', ')}`);
  }
  return client;
}
