import type { Field } from '../../amqp/encode.ts';
import { fieldValue, sameValue } from './fields.ts';
import type { Message } from './message.ts';
import type { Queue } from './queue.ts';
import { matchesTopic } from './topic-pattern.ts';

export const EXCHANGE_TYPES = ['direct', 'fanout', 'topic', 'headers'] as const;
export type ExchangeType = (typeof EXCHANGE_TYPES)[number];

export interface ExchangeOptions {
  name: string;
  type: ExchangeType;
  durable: boolean;
  autoDelete: boolean;
  internal: boolean;
  args: readonly Field[];
}

export interface Binding {
  destination: Queue | Exchange;
  routingKey: string;
  args: readonly Field[];
}

export class Exchange {
  readonly options: ExchangeOptions;
  /** each of them different */
  bindings: Binding[] = [];

  constructor(options: ExchangeOptions) {
    this.options = options;
  }

  get name(): string {
    return this.options.name;
  }

  get alternate(): string | undefined {
    const field = this.options.args.find(({ name }) => name === 'alternate-exchange');
    return field && String(fieldValue(field));
  }

  bind(binding: Binding): void {
    if (this.#find(binding) === undefined) this.bindings.push(binding);
  }

  /** False if there is none such. */
  unbind(binding: Binding): boolean {
    const found = this.#find(binding);
    this.bindings = this.bindings.filter((each) => each !== found);
    return found !== undefined;
  }

  /** Takes away all that leads there. */
  forget(destination: Queue | Exchange): boolean {
    const before = this.bindings.length;
    this.bindings = this.bindings.filter((each) => each.destination !== destination);
    return this.bindings.length < before;
  }

  /** Where the message goes on to by this key; a destination may come twice. */
  destinations(message: Message, routingKey: string): (Queue | Exchange)[] {
    return this.bindings
      .filter((binding) => this.#takes(binding, message, routingKey))
      .map(({ destination }) => destination);
  }

  #takes(binding: Binding, message: Message, routingKey: string): boolean {
    const { type } = this.options;
    if (type === 'fanout') return true;
    if (type === 'direct') return binding.routingKey === routingKey;
    return type === 'topic'
      ? matchesTopic(binding.routingKey, routingKey)
      : matchesHeaders(binding.args, message.properties.headers);
  }

  #find({ destination, routingKey, args }: Binding): Binding | undefined {
    return this.bindings.find(
      (each) => each.destination === destination && each.routingKey === routingKey && sameFields(each.args, args),
    );
  }
}

function sameFields(one: readonly Field[], other: readonly Field[]): boolean {
  return (
    one.length === other.length &&
    one.every((field) => other.some((each) => each.name === field.name && sameValue(each, field)))
  );
}

/** `x-match` all (so without it) or any; with `-with-x` headers that begin with x- count too. */
function matchesHeaders(args: readonly Field[], headers: readonly Field[]): boolean {
  const match = args.find(({ name }) => name === 'x-match');
  const how = match === undefined ? 'all' : String(fieldValue(match));
  const asked = args.filter(({ name }) => name !== 'x-match' && (how.endsWith('-with-x') || !name.startsWith('x-')));
  const agrees = (field: Field) =>
    headers.some((header) => header.name === field.name && (field.type === 'V' || sameValue(header, field)));
  return how.startsWith('any') ? asked.some(agrees) : asked.every(agrees);
}
