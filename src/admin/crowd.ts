import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { peerOf } from './peer.ts';
import { Places } from './places.ts';

const MAX_CONNECTIONS = 128;
/** Answers that take memory until they are read: of each /metrics a copy of all figures. */
const MAX_LONG_ANSWERS = 8;
/** Answers that go on for as long as somebody reads them. */
const MAX_STREAMS = 32;
/** Longest that a client may take to read an answer. */
const ANSWER_MS = 30_000;

/** Nothing is asked on it: closing it costs nobody an answer. */
const IDLE = 0;
/** A request may be on its way, or never come. */
const AWAITED = 1;
const ANSWERED = 2;

/**
 * Keeps a server open to whoever comes next, a health check above all, however many clients hold on to connections,
 * send headers byte by byte or don't read what they asked for: there is always a place, at their expense.
 */
export class Crowd {
  readonly #answerMs: number;
  readonly #state = new WeakMap<Socket, typeof IDLE | typeof AWAITED | typeof ANSWERED>();
  readonly #connections = new Places<Socket>(
    MAX_CONNECTIONS,
    (socket) => socket.destroy(),
    (socket) => this.#state.get(socket) ?? AWAITED,
  );
  readonly #longAnswers = new Places<Socket>(MAX_LONG_ANSWERS, (socket) => socket.destroy());
  readonly #streams = new Places<Socket>(MAX_STREAMS, (socket) => socket.destroy());
  readonly #late = new WeakMap<Socket, NodeJS.Timeout>();

  /** `answerMs` is for tests. */
  constructor(server: Server, answerMs = ANSWER_MS) {
    this.#answerMs = answerMs;
    server.on('connection', (socket: Socket) => {
      this.#state.set(socket, AWAITED);
      this.#connections.take(socket, peerOf(socket));
      socket.once('close', () => this.#connections.leave(socket));
    });
  }

  /**
   * A request came, which this response is for. False: it came before the last one was answered, and the connection
   * ends. Nobody who reads the answers does that, and who doesn't could have any number of them made.
   */
  answers(socket: Socket, response: ServerResponse): boolean {
    if (this.#state.get(socket) === ANSWERED) {
      socket.destroy();
      return false;
    }
    this.#state.set(socket, ANSWERED);
    const late = setTimeout(() => socket.destroy(), this.#answerMs).unref();
    this.#late.set(socket, late);
    response.once('close', () => {
      clearTimeout(late);
      this.#state.set(socket, IDLE);
      this.#longAnswers.leave(socket);
      this.#streams.leave(socket);
    });
    return true;
  }

  /** The answer goes on for as long as somebody reads it. */
  isStream(socket: Socket): void {
    clearTimeout(this.#late.get(socket));
    if (!socket.destroyed) this.#streams.take(socket, peerOf(socket));
  }

  /** The answer is a long one. */
  isLong(socket: Socket): void {
    if (!socket.destroyed) this.#longAnswers.take(socket, peerOf(socket));
  }
}
