/**
 * What becomes of an app's connection and its broker's, in one word.
 *
 * - `relaying`: frames are followed both ways
 * - `piped`: bytes pass both ways unread
 * - `closing`: we close it; our connection.close to the app waits for the end of a frame
 * - `app told`: it has gone to the app, whose frames still go to the broker
 * - `broker told`: it has gone to the broker too
 * - `hung up`: both sockets were ended
 * - `over`: both are gone
 */
export type ConnectionWord = 'relaying' | 'piped' | 'closing' | 'app told' | 'broker told' | 'hung up' | 'over';

export type ConnectionEvent = 'unreadable' | 'close' | 'tell app' | 'tell broker' | 'hang up' | 'gone';

/** The state that follows; an event that a state does not name changes nothing. */
const TRANSITIONS: Record<ConnectionWord, Partial<Record<ConnectionEvent, ConnectionWord>>> = {
  relaying: { unreadable: 'piped', close: 'closing', 'hang up': 'hung up', gone: 'over' },
  // nothing can be said in between: it can only be cut
  piped: { 'hang up': 'hung up', gone: 'over' },
  closing: {
    unreadable: 'piped',
    'tell app': 'app told',
    'tell broker': 'broker told',
    'hang up': 'hung up',
    gone: 'over',
  },
  'app told': { unreadable: 'piped', 'tell broker': 'broker told', 'hang up': 'hung up', gone: 'over' },
  'broker told': { unreadable: 'piped', 'hang up': 'hung up', gone: 'over' },
  'hung up': { gone: 'over' },
  over: {},
};

export class ConnectionState {
  #word: ConnectionWord = 'relaying';

  get word(): ConnectionWord {
    return this.#word;
  }

  /** Whether it changed anything. */
  on(event: ConnectionEvent): boolean {
    const next = TRANSITIONS[this.#word][event];
    if (next === undefined) return false;
    this.#word = next;
    return true;
  }
}
